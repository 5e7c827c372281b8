"""What an auditor asks of the commands, and reads."""

from sqlalchemy import text

from domain.rules import RULES_VERSION
from storage.connection import Books
from tests.cli.conftest import Command
from tests.cli.rebalanced import pending
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
        'UPDATE rebalance_rounds SET plan = replace(plan::text, \'"expected_status"\\: "COMPLETE"\','
        ' \'"expected_status"\\: "FAILED"\')::json',
    )
    said = loaded("audit", "recompute", made)
    assert said.code == 1
    assert "  expected_status: FAILED, now COMPLETE" in said.out
    assert "  its plan IS NOT the one of the audit record" in said.out
    assert said.err == (
        f"rebalancer: round 1 of {made} does not come out again. What is kept as its plan was changed: "
        "rebalancer audit verify\n"
    )


def test_other_rules_are_named(loaded: Command, desk: Books, as_owner: Books) -> None:
    made = pending(desk, "A-103")
    tamper(as_owner, "UPDATE rebalance_rounds SET rules_version = '0'")
    assert loaded("audit", "recompute", made).code == 0
    tamper(as_owner, "UPDATE rebalances SET mode = 'exact'")
    said = loaded("audit", "recompute", made)
    assert (said.code, "mode: best_fit, now exact" in said.out) == (1, True)
    assert f"made by rules 0, this release has {RULES_VERSION}" in said.err


def test_what_is_no_rebalance(loaded: Command) -> None:
    said = loaded("audit", "recompute", "R-9")
    assert (said.code, said.err) == (1, "rebalancer: R-9 is no rebalance: see `rebalancer history` for the ids\n")
