"""`rebalancer audit recompute`: does a decision come out again from what was kept of it, byte for byte?"""

from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.recomputation import Recomputed

SHOWN = 60  # differences of a round that are printed; JSON has them all


@click.command()
@click.argument("id_", metavar="ID")
@say.format_option
def recompute(id_: str, form: str) -> int:
    """Plan a rebalance again from its kept snapshot and policy, by the rules that made it; compare byte for byte."""
    from cli import connections
    from storage.recomputation import recompute as decided_again
    from storage.work.rebalances import UnknownRebalance

    with connections.books().transaction() as books:
        try:
            rounds = decided_again(books, id_)
        except UnknownRebalance as flaw:
            raise Refused(f"{id_} is no rebalance: see `rebalancer history` for the ids") from flaw
    if form == "json":
        say.as_json({"rebalance_id": id_, "ok": all(each.ok for each in rounds), "rounds": [*map(as_json, rounds)]})
    else:
        for each in rounds:
            say.show(*_page(id_, each))
        if not rounds:
            say.show(f"{id_}: nothing was decided yet, and nothing is kept of it")
    wrong = [each for each in rounds if not each.ok]
    if wrong:
        say.message(f"rebalancer: round {wrong[0].round} of {id_} does not come out again. {_next_action(wrong[0])}")
    return 1 if wrong else 0


def as_json(each: "Recomputed") -> dict[str, Any]:
    """A round in its public form."""
    return {
        "round": each.round,
        "rules_version": each.rules_version,
        "same": each.same,
        "evidence_as_recorded": dict(each.evidence),
        "differences": list(each.differences),
        "unable": each.unable,
    }


def _page(id_: str, each: "Recomputed") -> list[str]:
    title = f"{id_} round {each.round}, rules {each.rules_version}"
    told = (
        each.unable
        or {
            True: "the same plan, byte for byte",
            False: f"NOT THE SAME: {len(each.differences)} differences, kept value first",
            None: "a check refused the account: there was no plan to compute again",
        }[each.same]
    )
    lines = [f"{title}: {told}"]
    for name, good in each.evidence.items():
        if good is False:
            lines.append(f"  its {name} IS NOT the one of the audit record")
        elif good is None:
            lines.append(f"  its {name}: nothing in the audit record to hold it against")
    if False not in each.evidence.values() and None not in each.evidence.values():
        lines.append("  snapshot, policy and plan are those of the audit record")
    lines += [f"  {line}" for line in each.differences[:SHOWN]]
    if len(each.differences) > SHOWN:
        lines.append(f"  and {len(each.differences) - SHOWN} more: --format json")
    return lines


def _next_action(each: "Recomputed") -> str:
    changed = [name for name, good in each.evidence.items() if good is False]
    if changed:
        return f"What is kept as its {' and '.join(changed)} was changed: rebalancer audit verify"
    if each.unable:
        return f"{each.unable[0].upper()}{each.unable[1:]}"
    return (
        f"Rules {each.rules_version} give another plan from the snapshot and policy of the record: its mode, overrides "
        "or purpose were changed since, or a rule changed without a new version, which is a fault of this release"
    )
