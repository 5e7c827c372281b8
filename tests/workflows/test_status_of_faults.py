"""What `status` is red for where something went wrong: made so on real servers; what it suggests is typed."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from domain import laws
from domain.laws.broken import Broken
from domain.laws.conservation import LAW_2
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.operating import Operator
from tests.workflows.test_model_signals import inside
from tests.workflows.test_status_typed import _closes, _priced, today


async def test_a_plan_that_a_law_refused(idle: TestDesk, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown with what it breaks; once the rules are right again, the account is rebalanced, and it is red no more."""
    idle.load(drifted("A-1"))
    async with idle.working():
        with monkeypatch.context() as patch:
            patch.setattr(laws, "broken", lambda *_: [Broken(LAW_2, "model:M would be short of 3 X")])
            result = await idle.rebalance()
        assert result["status"] == "FAILED"
        line = await operator.red("plans", "LAW-2 refused 1: R-000001", "rebalancer show R-000001 has the plan")
        said = " ".join((await operator.type(line.partition(" has the plan")[0])).split())
        assert "model:M would be short of 3 X" in said
        assert "nothing trades. Report it with the account's snapshot" in said
        assert (await idle.rebalance())["status"] == "COMPLETE"
        await operator.green("plans")


async def test_a_signal_that_failed_for_an_account(idle: TestDesk, operator: Operator, tmp_path: Path) -> None:
    """Its page says why and what to do: newer prices, and the account once more."""
    old, now = {"symbol": "V", "price": "7.00", "price_as_of": today(5)}, _priced(today())
    holder = inside("A-2", protected=[])
    holder["holdings"] = [*holder["holdings"], {"symbol": "V", "quantity": "5"}]
    idle.load(inside("A-1"), holder, as_of=today(), historical=False, securities=[*now, old])
    signal = tmp_path / "m.json"
    signal.write_text('{"id": "M", "version": 2, "holdings": [{"symbol": "X", "weight": "1"}]}')
    async with idle.working():
        await operator.type(f"rebalancer model signal {signal} --wait", code=1)
        line = await operator.red(
            "signals", "model-signal/M/2 failed for 1 account", "rebalancer show model-signal/M/2"
        )
        said = " ".join((await operator.type(line)).split())
        assert "V (price of" in said
        assert "next: correct what the issues name, then trade those again: temporal workflow start" in said
        closes = tmp_path / "closes.csv"
        closes.write_text(_closes(V="7.00"))
        await operator.type(f"rebalancer prices {closes}")
        await operator.type(said.partition("trade those again: ")[2].partition(" One of them")[0])
        await operator.green("signals")  # it did better since


async def test_breaks_of_weeks_ago(idle: TestDesk, operator: Operator, owner: Engine, tmp_path: Path) -> None:
    """By age; listed as it says, and resolved as the list says."""
    idle.load(drifted("A-1"), account("A-2"), as_of=today(), historical=False, securities=_priced(today()))
    statement = tmp_path / "statement.csv"
    statement.write_text(f"account_id,symbol,quantity,as_of\nA-1,X,399,{today()}\nA-1,Y,699,{today()}\n"
                         f"A-1,Z,1150,{today()}\nA-1,CASH,2000.00,{today()}\n")  # fmt: skip
    await operator.type(f"rebalancer positions {statement}")
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE breaks SET opened_at = opened_at - interval '2 days' * id * id"))
    found = "2 open, of 1 account: 1 older than a day, 1 older than a week; the oldest since "
    line = await operator.red("breaks", found, "rebalancer breaks")
    said = await operator.type(line)
    assert "rebalancer breaks resolve" in said
    await operator.type("rebalancer breaks resolve --account A-1 --note 'told by the custodian' --by ben")
    await operator.green("breaks")


async def test_signed_decisions_and_no_key(
    idle: TestDesk, operator: Operator, owner: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE identity_settings SET identity = 'signed'"))
    monkeypatch.setenv("REBALANCER_DATABASE_URL", owner.url.render_as_string(hide_password=False))
    found = "no key signs: nobody can decide anything"
    typed, needs, _ = (await operator.red("identity", found, "python -m storage.migrations, with ")).split(", ")
    named = needs.removeprefix("with ").replace(" and ", " ").replace("FILE", str(tmp_path / "key.pem"))
    assert "identity: signed, by key" in await operator.type(
        f"{named} {typed}", REBALANCER_DATABASE_URL=os.environ["REBALANCER_DATABASE_URL"]
    )
    await operator.green("identity")


async def test_next_month_without_a_partition(
    idle: TestDesk, operator: Operator, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owner.begin() as connection:
        named = "SELECT name FROM month_partitions WHERE parent = 'evaluation_notes' ORDER BY begins LIMIT 3"
        for name in list(connection.scalars(text(named))):
            connection.execute(text(f"DROP TABLE {name}"))
    found = "next month has no partition of evaluation_notes"
    await operator.red("database", found, "make up, after Ctrl-C where it runs")  # the embedded stack sees to its own
    monkeypatch.setenv("REBALANCER_DATABASE_URL", owner.url.render_as_string(hide_password=False))
    line = await operator.red("database", found, "python -m storage.migrations")
    await operator.type(line, REBALANCER_DATABASE_URL=owner.url.render_as_string(hide_password=False))
    await operator.green("database")
