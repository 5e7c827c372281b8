"""What documents show of programs: pages as they were printed, compared but for what is another one each time."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Instead = tuple[re.Pattern[str], str]


def environment(**more: str) -> dict[str, str]:
    """An environment without a stack, for a program that is to print a page."""
    return {key: value for key, value in os.environ.items() if not key.startswith("REBALANCER_")} | more


def without_trailing(printed: str) -> str:
    """What a program printed, as documents have it."""
    return "\n".join(line.rstrip() for line in printed.splitlines()).strip() + "\n"


@dataclass(frozen=True)
class PrintedPage:
    """The one page of a document that `block` finds. `instead` stands for what is another one each time."""

    document: Path
    block: re.Pattern[str]
    instead: Sequence[Instead]

    def shown(self) -> str:
        """The page that the document has."""
        (page,) = self.block.findall(self.document.read_text(encoding="utf-8"))
        return str(page)

    def lasting(self, page: str) -> str:
        """A page without what is another one each time."""
        for pattern, instead in self.instead:
            page = pattern.sub(instead, page)
        return page

    def put(self, page: str) -> str:
        """Puts a page into the document; what was done."""
        text = self.block.sub(lambda _: f"```\n{page}```", self.document.read_text(encoding="utf-8"))
        self.document.write_text(text, encoding="utf-8")
        return f"{self.document.name}: {len(page.splitlines())} lines written"
