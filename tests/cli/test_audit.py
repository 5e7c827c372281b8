"""What an auditor asks of the commands, and reads."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from domain.values.rules import RULES_VERSION
from policy.clock import machine_now
from storage.actor import Actor
from storage.connection import Books
from tests.cli.conftest import Command
from tests.cli.rebalanced import REQUEST, executed, pending
from tests.storage.small_book import rows


def test_the_record_verified_and_sealed(loaded: Command, desk: Books) -> None:
    whole = loaded("audit", "verify")
    assert (whole.code, whole.err) == (0, "")
    assert whole.out.startswith("Whole: ")
    sealed = loaded("audit", "seal", "--by", "clerk", "--format", "json").json
    assert (sealed["seal"], sealed["by"]) == (1, "clerk")
    assert loaded("audit", "seal").out.startswith("Nothing to seal: seal 1 of ")
    told = loaded("audit", "verify", "--seal", sealed["hash"], "--format", "json").json
    assert (told["ok"], told["seals"], told["unsealed"], told["faults"]) == (True, 1, 0, [])
    other = loaded("audit", "verify", "--seal", "0" * 64)
    assert (other.code, "no seal has the hash" in other.err) == (1, True)


def test_a_record_that_was_changed_is_named(loaded: Command, desk: Books, as_owner: Books) -> None:
    with as_owner.transaction() as owner:
        owner.execute(text("SET LOCAL session_replication_role = replica"))
        owner.execute(text("UPDATE audit_records SET who = 'eve' WHERE account_id = 'A-103' AND seq = 1"))
    said = loaded("audit", "verify")
    assert said.code == 1
    assert "the record is not what was recorded. First: account A-103: record 1 (id " in said.err
    told = loaded("audit", "verify", "--account", "A-103", "--format", "json")
    assert told.code == 1
    assert [(fault["account_id"], fault["place"], fault["kind"]) for fault in told.json["faults"]] == [
        ("A-103", 1, "changed")
    ]
    assert loaded("audit", "verify", "--account", "A-101").code == 0
    assert loaded("audit", "verify", "--account", "A-999").code == 1


def test_a_refused_command_is_recorded(loaded: Command, desk: Books) -> None:
    loaded("account", "rebalancing", "A-999", "on", "--by", "eve")
    loaded("target", "assign", "A-103", "NO-SUCH", "--by", "eve")
    loaded("show", "R-9")  # only reads
    loaded("load", "no-such-file.yaml", "--by=eve")
    found = rows(
        desk,
        "SELECT who, account_id, after ->> 'command' FROM audit_records WHERE action = 'command refused' ORDER BY id",
    )
    assert found == [
        ("eve", None, "rebalancer account rebalancing A-999 on --by eve"),
        ("eve", "A-103", "rebalancer target assign A-103 NO-SUCH --by eve"),
        ("eve", None, "rebalancer load no-such-file.yaml --by=eve"),
    ]


# --- a decision computed again


def tamper(as_owner: Books, statement: str) -> None:
    with as_owner.transaction() as owner:
        owner.execute(text("SET LOCAL session_replication_role = replica"))
        owner.execute(text(statement))


def test_a_decision_comes_out_again(loaded: Command, desk: Books) -> None:
    made = pending(desk, "A-103")
    said = loaded("audit", "recompute", made)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"{made} round 1, rules {RULES_VERSION}: the same plan, byte for byte",
        "  snapshot, policy and plan are those of the audit record",
    ]
    told = loaded("audit", "recompute", made, "--format", "json").json
    assert (told["ok"], told["rounds"][0]["same"], told["rounds"][0]["differences"]) == (True, True, [])


def test_a_plan_that_was_changed_is_shown_in_words(loaded: Command, desk: Books, as_owner: Books) -> None:
    made = pending(desk, "A-103")
    tamper(
        as_owner,
        'UPDATE documents SET content = replace(content::text, \'"expected_status"\\: "COMPLETE"\','
        ' \'"expected_status"\\: "FAILED"\')::json FROM rebalance_rounds WHERE digest = plan_digest',
    )
    said = loaded("audit", "recompute", made)
    assert said.code == 1
    assert "  expected_status: FAILED, now COMPLETE" in said.out
    assert "  its plan IS NOT the one of the audit record" in said.out
    assert said.err == (
        f"rebalancer: round 1 of {made} does not come out again. What is kept as its plan was changed: "
        "rebalancer audit verify\n"
    )


def test_a_mode_that_was_changed_is_shown(loaded: Command, desk: Books, as_owner: Books) -> None:
    made = pending(desk, "A-103")
    tamper(as_owner, "UPDATE rebalances SET mode = 'exact'")
    said = loaded("audit", "recompute", made)
    assert (said.code, "mode: best_fit, now exact" in said.out) == (1, True)
    assert f"Rules {RULES_VERSION} give another plan from the snapshot and policy of the record: its mode" in said.err


def test_rules_that_nobody_kept_are_said_in_one_line(loaded: Command, desk: Books, as_owner: Books) -> None:
    made = pending(desk, "A-103")
    tamper(as_owner, "UPDATE rebalance_rounds SET rules_version = '0'")
    said = loaded("audit", "recompute", made)
    why = "no planner of rules 0 is kept here: ask a release that has them (AUDIT-1)"
    assert said.code == 1
    assert said.err == f"rebalancer: round 1 of {made} does not come out again. N{why[1:]}\n"
    assert said.out.splitlines()[0] == f"{made} round 1, rules 0: {why}"
    (told,) = loaded("audit", "recompute", made, "--format", "json").json["rounds"]
    assert (told["same"], told["unable"], told["differences"]) == (None, why, [])


def test_a_snapshot_that_its_rules_can_not_read_is_said_in_one_line(
    loaded: Command, desk: Books, as_owner: Books
) -> None:
    made = pending(desk, "A-103")
    tamper(as_owner, "UPDATE rebalance_rounds SET snapshot = '{}'")
    said = loaded("audit", "recompute", made)
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert f"what is kept of it is not of the form of rules {RULES_VERSION}" in said.out
    assert "What is kept as its snapshot was changed: rebalancer audit verify" in said.err


def test_what_is_no_rebalance(loaded: Command) -> None:
    said = loaded("audit", "recompute", "R-9")
    assert (said.code, said.err) == (1, "rebalancer: R-9 is no rebalance: see `rebalancer history` for the ids\n")


# --- the story, and the export


def test_the_story_without_a_history_says_so(loaded: Command, desk: Books) -> None:
    made = pending(desk, "A-103")
    executed(desk, made, rejected="KO")
    said = loaded("audit", "show", made)
    assert said.code == 0
    assert "one witness only: the workflow's history is neither archived nor at hand" in said.out
    assert "ann asked for a full rebalance, mode best_fit, request Q-20221228-1" in said.out
    told = loaded("audit", "show", made, "--format", "json").json
    assert (told["rebalance_id"], told["histories"], told["rounds"]) == (made, [], [1])
    assert {line["source"] for line in told["story"]} == {"record"}
    assert loaded("audit", "show", "R-9").code == 1
    assert loaded("audit", "show", REQUEST).err == (
        f"rebalancer: {REQUEST} is a request: ask for one of its rebalances, {made}\n"
    )


def test_a_period_as_files_that_stand_alone(loaded: Command, desk: Books, tmp_path: Path) -> None:
    made = pending(desk, "A-103")
    executed(desk, made)
    loaded("audit", "seal")
    day, out = str(machine_now().date()), tmp_path / "export"
    yesterday = str(machine_now().date() - timedelta(days=1))  # the day may end between two commands
    said = loaded("audit", "export", "--since", yesterday, "--until", day, "--out", str(out), "--format", "json")
    manifest = json.loads((out / "manifest.json").read_text())
    assert said.json["manifest_sha256"] == sha256(out / "manifest.json")
    assert {name: each["sha256"] for name, each in manifest["files"].items()} == {
        name: sha256(out / name)
        for name in ("records.jsonl", "seals.jsonl", "rebalances.jsonl", f"reports/{made}.html")
    }
    assert {path.name for path in out.iterdir()} == {
        "manifest.json", "records.jsonl", "seals.jsonl", "rebalances.jsonl", "reports",
    }  # fmt: skip
    check_by_hand((out / "records.jsonl").read_text(), manifest)
    rebalance = json.loads((out / "rebalances.jsonl").read_text())
    assert rebalance["rounds"][0]["snapshot"]["account"]["id"] == "A-103"
    assert rebalance["rounds"][0]["plan"]["orders"]
    assert "model:LARGE-GROWTH" in (out / f"reports/{made}.html").read_text()


@pytest.mark.parametrize("named", ["../../led", "/tmp/led", "a/b", "..", "L" * 300, "Ä\\\n.html"])
def test_an_export_stays_in_its_folder_whatever_a_rebalance_is_called(
    named: str, loaded: Command, desk: Books, as_owner: Books, tmp_path: Path
) -> None:
    """The application's role may call a rebalance what it likes: its report is a file in the folder all the same."""
    made = pending(desk, "A-103")
    with desk.transaction(Actor("eve")) as books:
        copied = text(
            "INSERT INTO rebalances SELECT (jsonb_populate_record(r, jsonb_build_object('id', CAST(:id AS text),"
            " 'start_key', 'led', 'stage', 'ENDED', 'status', 'FAILED', 'ended_at', now()))).*"
            " FROM rebalances r WHERE id = :made"
        )
        books.execute(copied, {"id": named, "made": made})
        books.audit.record("rebalance ended", account_id="A-103", rebalance_id=named)
    out = tmp_path / "deep" / "export"
    out.parent.mkdir()
    days = [str(machine_now().date() - timedelta(days=back)) for back in (1, 0)]
    said = loaded("audit", "export", "--since", days[0], "--until", days[1], "--out", str(out), "--format", "json")
    assert said.code == 0, said.err
    assert {path.name for path in tmp_path.iterdir()} <= {"deep", "no-stack"}
    assert {path.name for path in out.parent.iterdir()} == {"export"}
    reports = list((out / "reports").iterdir())
    assert len(reports) == 2
    assert {path.name for path in reports if path.is_file()} == {
        Path(name).name for name in said.json["files"] if name.startswith("reports/")
    }


def check_by_hand(lines: str, manifest: Any) -> None:
    """As docs/auditors-guide.md tells an auditor to do it: a JSON reader and SHA-256, nothing of ours."""
    heads: dict[str, str] = {}
    for line in lines.splitlines():
        each = json.loads(line)
        content = json.dumps(each["record"], ensure_ascii=False)
        chain = each["record"]["chain"]
        assert hashlib.sha256(bytes.fromhex(each["previous"]) + content.encode()).hexdigest() == each["hash"]
        assert each["previous"] == heads.get(chain, manifest["chains"][chain]["previous"])
        heads[chain] = each["hash"]
    assert heads == {chain: each["hash"] for chain, each in manifest["chains"].items()}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("prepare", "arguments", "code", "told"),
    [
        ("file", ("--since", "2026-01-01", "--until", "2026-01-02"), 1, "is a file"),
        (
            "full",
            ("--since", "2026-01-01", "--until", "2026-01-02"),
            1,
            "is not empty",
        ),
        ("none", ("--since", "2026-01-02", "--until", "2026-01-01"), 2, "is after --until"),
        ("none", ("--since", "soon", "--until", "2026-01-01"), 2, "needs a date"),
        ("gone", ("--since", "2026-01-01", "--until", "2026-01-02"), 1, "make it first"),
        ("link", ("--since", "2026-01-01", "--until", "2026-01-02"), 1, "is a link"),
    ],
)
def test_an_export_that_can_not_be(
    loaded: Command, tmp_path: Path, prepare: str, arguments: tuple[str, ...], code: int, told: str
) -> None:
    out = tmp_path / "gone" / "export" if prepare == "gone" else tmp_path / "export"
    if prepare == "file":
        out.write_text("")
    if prepare == "link":
        out.symlink_to(tmp_path / "elsewhere")
    if prepare == "full":
        out.mkdir()
        (out / "kept.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    said = loaded("audit", "export", *arguments, "--out", str(out))
    assert (said.code, told in said.err) == (code, True), said.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_period_of_nothing_is_an_empty_export(loaded: Command, tmp_path: Path) -> None:
    out = tmp_path / "export"
    out.mkdir()
    assert loaded("audit", "export", "--since", "2001-01-01", "--until", "2001-01-01", "--out", str(out)).code == 0
    assert json.loads((out / "manifest.json").read_text())["records"] == 0
