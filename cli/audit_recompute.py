"""`rebalancer audit recompute`: does a decision come out again from what was kept of it, byte for byte?"""

from typing import TYPE_CHECKING

import click

from cli import say

if TYPE_CHECKING:
    from reading.record.walked import Recomputed

SHOWN = 60  # differences of a round that are printed; JSON has them all


@click.command()
@click.argument("id_", metavar="ID")
@say.format_option
def recompute(id_: str, form: str) -> int:
    """Plan a rebalance again from its kept snapshot and policy, by the rules that made it; compare byte for byte.

    Of a block (B-…): allocate it again from its statement, who left, and what was filled; compare to the unit and cent.
    """
    from cli import commands, connections
    from reading.record.recompute import recompute, what_is_wrong

    if id_.startswith("B-"):
        return _block(id_, form)
    with connections.books().transaction() as books:
        found = recompute(books, id_)
    if form == "json":
        say.as_json(found.as_json())
    else:
        for each in found.rounds:
            say.show(*_page(id_, each))
        if not found.rounds:
            say.show(f"{id_}: nothing was decided yet, and nothing is kept of it")
    for each in found.wrong[:1]:
        why = commands.line(what_is_wrong(each))
        say.message(f"rebalancer: round {each.round} of {id_} does not come out again. {why}")
    return 1 if found.wrong else 0


def _block(block_id: str, form: str) -> int:
    from cli import connections
    from domain.values.money import money
    from reading.record.block_recompute import reallocate
    from reading.words import counted

    with connections.books().transaction() as books:
        found = reallocate(books, block_id)
    if form == "json":
        say.as_json(found.as_json())
    elif found.wrong:
        say.show(f"{block_id}: NOT THE SAME", *(f"  {each}" for each in found.wrong[:SHOWN]))
    elif not found.accounts:
        say.show(f"{block_id}: it is not released yet, and nothing is stated of it")
    else:
        parts = f"{counted(found.parts, 'part')} of {counted(found.accounts, 'account')}"
        costs = f", costs {money(found.costs)}" if found.costs else ""
        say.show(f"{block_id}: {found.filled:,} units filled, {parts}{costs}: the same, to the unit and cent (ALLOC-8)")
    if found.wrong:
        say.message(f"rebalancer: {block_id} does not come out again. rebalancer audit verify says what was changed")
    return 1 if found.wrong else 0


def _page(id_: str, each: "Recomputed") -> list[str]:
    from reading.record.recompute import in_words

    lines = [f"{id_} round {each.round}, rules {each.rules_version}: {in_words(each)}"]
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
