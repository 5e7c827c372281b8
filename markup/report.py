"""The report of one rebalance: a self-contained HTML page that prints well, for an auditor who has nothing else."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markup.bands import band, colors, shares
from reading.words import amount, number, share, signed

if TYPE_CHECKING:
    from jinja2 import Template

    from reading.record.story import Story

TEMPLATES = Path(__file__).parent / "templates"


def report(story: "Story", proof: Mapping[str, Any]) -> str:
    """The page. `proof`: what of the record vouches for it, as `proof_of` gives it."""
    row = story.row
    return _template().render(
        row=row,
        status=row.status or row.stage,
        rounds=list(story.rounds),
        orders=list(story.orders),
        lines=story.lines,
        result=row.result or {},
        proof=proof,
    )


@lru_cache(maxsize=1)
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader

    from domain.values.money import plain
    from reading.words import utc

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "amount": lambda value: amount(str(value)) if value is not None else "",
        "number": lambda value: number(str(value)),
        "share": share,
        "signed": signed,
        "plain": plain,
        "utc": lambda at: (utc(at) or "").replace("T", " "),
        "sleeves": lambda given: ", ".join(f"{each['sleeve']} {number(each['quantity'])}" for each in given),
        "words": lambda text: str(text).replace("_", " ").lower(),
    }
    environment.globals |= {"band": band, "colors": colors, "shares": shares}
    return environment.get_template("report.html.j2")
