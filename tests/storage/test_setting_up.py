"""A database before people sign in: by its migrations, once, with a key that its owner alone reads."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from identity import keys
from storage.actor import Actor
from storage.connection import Books
from storage.migrations.__main__ import main
from storage.people.setup import ADMIN

Environment = pytest.MonkeyPatch


@pytest.fixture
def url(owner: Engine, monkeypatch: Environment, tmp_path: Path) -> str:
    made = owner.url.render_as_string(hide_password=False)
    monkeypatch.setenv("REBALANCER_DATABASE_URL", made)
    monkeypatch.setenv("REBALANCER_SIGNING_KEY", str(tmp_path / "keys" / "signing-key.json"))
    return made


def test_signed_is_set_up_by_migrating_and_once(
    url: str, books: Books, monkeypatch: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REBALANCER_IDENTITY", "signed")
    monkeypatch.setenv("REBALANCER_CONSOLE_ORIGIN", "https://console.example.com/")
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "identity: signed, by key" in told and "https://console.example.com/set-up?link=rbl_" in told
    path = tmp_path / "keys" / "signing-key.json"
    assert path.stat().st_mode & 0o777 == 0o600
    with books.reading() as work:
        assert work.proof.identity() == "signed" and list(work.proof.keys()) == [keys.name(keys.read(path))]
        admin = work.people.named(ADMIN)
        assert admin.roles == ["admin"]
    with books.transaction(Actor("ada")) as work:
        work.people.set_password(admin.subject, "a hash")
    assert main([]) == 0
    assert "/set-up?link=" not in capsys.readouterr().out  # they have a password
    with books.reading() as work:
        assert len(work.proof.key_listing()) == 1


def test_what_is_not_asked_for_stays(url: str, books: Books, monkeypatch: Environment) -> None:
    monkeypatch.delenv("REBALANCER_IDENTITY", raising=False)
    assert main([]) == 0
    with books.reading() as work:
        assert work.proof.identity() == "asserted" and work.people.listing() == []


@pytest.mark.parametrize("given", [{"REBALANCER_IDENTITY": "maybe"}, {"REBALANCER_SIGNING_KEY": ""}])
def test_what_can_not_be_is_refused_in_a_line(
    url: str, given: dict[str, str], monkeypatch: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ({"REBALANCER_IDENTITY": "signed"} | given).items():
        monkeypatch.setenv(name, value)
    assert main([]) == 1
    assert capsys.readouterr().err.count("\n") == 1
