"""What to do next is a value: a sentence of it is a command here, a link there, and the words are the same."""

import pytest

from cli import commands
from reading.actions import Action, Advice, do, shell, tell, typed
from reading.refused import Changed, Conflict, Refused, Unknown, Unreachable

CASES: list[tuple[Advice, str]] = [
    ((do("evaluate"),), "rebalancer evaluate"),
    ((do("approve", "R-000001", by="WHO"),), "rebalancer approve R-000001 --by WHO"),
    ((do("breaks resolve", "3", note="TEXT", book_custodian=True),),
     "rebalancer breaks resolve 3 --note TEXT --book-custodian"),
    ((do("submit", "A 1; rm"),), "rebalancer submit 'A 1; rm'"),
    ((do("resume", "Q-…"),), "rebalancer resume Q-…"),
    ((shell("python -m storage.migrations"),), "make up, after Ctrl-C where it runs"),  # no database is named
    ((tell("mend the target and load it again"),), "mend the target and load it again"),
    ((do("approve", "R-1", by="WHO", told="{}, who is not {ann}"), do("cancel", "R-1", told="; or {}")),
     "rebalancer approve R-1 --by WHO, who is not {ann}; or rebalancer cancel R-1"),
]  # fmt: skip


@pytest.mark.parametrize(("advice", "line"), CASES, ids=[line for _, line in CASES])
def test_a_command_line_writes_commands(advice: Advice, line: str) -> None:
    assert commands.line(advice) == line


@pytest.mark.parametrize(
    ("line", "address", "reaches"),
    [
        ("temporal workflow list", None, "temporal workflow list"),
        ("temporal workflow list", "127.0.0.1:7233", "temporal workflow list"),
        ("temporal workflow list", "127.0.0.1:7333", "temporal workflow list --address 127.0.0.1:7333"),
        ("python -m workflows.schedule", "db:1", "TEMPORAL_ADDRESS=db:1 python -m workflows.schedule"),
        ("python -m storage.migrations", "db:1", "python -m storage.migrations"),
    ],
)
def test_a_shell_s_line_reaches_what_commands_reach(line: str, address: str | None, reaches: str) -> None:
    assert typed(line, address) == reaches


def test_nothing_to_do_is_no_line() -> None:
    assert commands.line(()) is None


def test_a_page_puts_something_else_in_the_same_words() -> None:
    assert do("submit", "A-1", told="if it is still wanted: {}").said("[Submit A-1]") == (
        "if it is still wanted: [Submit A-1]"
    )


def test_a_refusal_is_words_with_actions_among_them() -> None:
    refused = Unknown("R-9 is no rebalance: ", do("history", told="see `{}` for the ids"), rule="DECIDE-1")
    assert commands.line(refused.said) == "R-9 is no rebalance: see `rebalancer history` for the ids"
    assert str(refused) == "R-9 is no rebalance: see `history` for the ids"
    assert [each.verb for each in refused.next_actions] == ["history"]
    assert (refused.rule, refused.evidence) == ("DECIDE-1", {})


@pytest.mark.parametrize("kind", [Unknown, Conflict, Changed, Unreachable])
def test_every_kind_of_refusal_is_one(kind: type[Refused]) -> None:
    assert issubclass(kind, Refused)
    assert kind("no").next_actions == ()


def test_an_action_never_changes() -> None:
    with pytest.raises(AttributeError):
        Action("show").verb = "cancel"  # type: ignore[misc]
