"""SWIFT MT535, the statement of holdings: a row a financial instrument (sequence FIN) of a safekeeping account.

Columns: `account`, `date`, `isin`, `cusip`, `sedol`, `kind` of the aggregate balance (`UNIT`, `FAMT`, `AMOR`),
`quantity` with its sign in front. Only whole statements (`COMP`), to their last page; several messages may follow
each other in one file.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field

from feeds.definition import Version
from feeds.rows import NotThisFeed, Row, Sheet, Unreadable, legible, once_each

_TAG = re.compile(r"^:([0-9]{2}[A-Z]?):(.*)$")
_BALANCE = re.compile(r"AGGR/[^/]*/(?P<kind>[A-Z]{4})/(?P<sign>N?)(?P<amount>[0-9,]*)")
_PAGE = re.compile(r"(?P<number>[0-9]{1,5})/(?P<last>ONLY|LAST|MORE)")
LOCAL = {"US": "cusip", "GB": "sedol"}  # of 35B /US/037833100


def read(content: bytes, version: Version) -> Sheet:
    """The holdings of all messages of a file. Raises Unreadable where one is not whole."""
    text = content.removeprefix(BOM_UTF8).decode("ascii", "replace")
    fields = list(_fields(text))
    if not any(tag == "16R" and value == "GENL" for _, tag, value in fields):
        raise NotThisFeed("it has no sequence GENL of a SWIFT statement")
    statement = _Statement()
    for line, tag, value in fields:
        statement.take(line, tag, value)
    statement.end()
    if unended := _unended(text):
        raise Unreadable("begins a message that does not end: it was cut short", unended)
    return Sheet(statement.rows, {})


def _unended(text: str) -> int:
    """The line of an envelope whose text block is not ended; 0 where each is, or there are no envelopes."""
    began = 0
    for line, raw in enumerate(text.splitlines(), start=1):
        if raw.startswith("-"):
            began = 0
        elif raw.startswith("{") and began:
            break
        elif raw.startswith("{") and "{4:" in raw:
            began = line
    return began


def _fields(text: str) -> Iterator[tuple[int, str, str]]:
    """Each field with its line, its lines joined; envelopes and ends of blocks left away."""
    now: tuple[int, str, list[str]] | None = None
    for line, raw in enumerate(text.splitlines(), start=1):
        found = _TAG.match(raw.strip("\x01\x03 "))
        if found:
            if now:
                yield now[0], now[1], "\n".join(filter(None, now[2]))
            now = line, found[1], [found[2].strip()]
        elif raw.startswith("-") or raw.startswith("{"):
            if now:
                yield now[0], now[1], "\n".join(filter(None, now[2]))
            now = None
        elif now:
            now[2].append(raw.strip())
    if now:
        yield now[0], now[1], "\n".join(filter(None, now[2]))


@dataclass(slots=True)
class _Statement:
    rows: list[Row] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    general: str = ""  # the account of the message
    account: str = ""
    day: str = ""
    page: int = 0  # of the statement, the last that came
    more: int = 0  # the line of a page after which another has to come
    follows: bool = False  # this message is another page of the statement before it
    whose: list[tuple[int, str]] = field(default_factory=list)  # of each statement, where, and its account
    before: str = ""  # the account of the message before
    holding: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # all of its fields, also those that no column is of
    began: int = 0

    def take(self, line: int, tag: str, value: str) -> None:
        sequence = self.inside[-1] if self.inside else ""
        self.said.append(f":{tag}:{value}")
        if tag == "16R":
            self._open(line, value)
        elif tag == "16S":
            self._close(line, value)
        elif sequence == "GENL":
            self._general(line, tag, value)
        elif tag == "97A" and value.startswith(":SAFE//"):
            self.account = value.removeprefix(":SAFE//")
        elif sequence == "FIN":
            self._instrument(line, tag, value)

    def _open(self, line: int, name: str) -> None:
        self.inside.append(name)
        if len(self.inside) > 20:
            raise Unreadable("is nested too deeply", line)
        if name == "GENL":
            self.before, self.follows = self.general, False
            self.general = self.account = self.day = ""
        elif name == "FIN":
            self.holding, self.said, self.began = {}, [], line

    def _close(self, line: int, name: str) -> None:
        if not self.inside or self.inside.pop() != name:
            raise Unreadable(f"ends a sequence {name[:20]!a} that is not open", line)
        if name == "SUBSAFE":
            self.account = self.general
        elif name == "GENL":
            self._statement_of(line)
        elif name == "FIN":
            cells = {"account": self.account, "date": self.day, **self.holding}
            self.rows.append(Row(self.began, cells, said="\n".join(self.said)))

    def _statement_of(self, line: int) -> None:
        """A message is the next page of the statement before it, or the one statement of another account."""
        if not self.follows:
            self.whose.append((line, self.general or f"in line {line}"))  # one that only its parts name stands alone
        elif self.general != self.before:
            whose, expected = legible(self.general), legible(self.before)
            raise Unreadable(f"is of account {whose}, and the next page of {expected} has to follow", line)

    def _general(self, line: int, tag: str, value: str) -> None:
        if tag == "97A" and value.startswith(":SAFE//"):
            self.general = self.account = value.removeprefix(":SAFE//")
        elif tag in {"98A", "98C"} and value.startswith(":STAT//"):
            self.day = value.removeprefix(":STAT//")[:8]
        elif tag == "22F" and value.startswith(":CODE/") and not value.endswith("/COMP"):
            raise Unreadable("says only what changed, and a whole statement (COMP) is needed", line)
        elif tag == "28E":
            page = _PAGE.fullmatch(value)
            if page is None:
                raise Unreadable(f"{value[:40]!a} is no page of a statement", line)
            expected = self.page + 1 if self.more else 1
            if int(page["number"]) != expected:
                raise Unreadable(f"is page {int(page['number'])}, and page {expected} has to be there before it", line)
            self.follows, self.page = bool(self.more), expected
            self.more = line if page["last"] == "MORE" else 0

    def _instrument(self, line: int, tag: str, value: str) -> None:
        if tag == "35B":
            first, *rest = value.splitlines() or [""]
            if first.startswith("ISIN "):
                self.holding["isin"] = first.removeprefix("ISIN ").strip()
            for each in (first, *rest):
                country, _, local = each.removeprefix("/").partition("/")
                if each.startswith("/") and country in LOCAL:
                    self.holding[LOCAL[country]] = local.strip()
        elif tag == "93B" and value.startswith(":AGGR/"):
            balance = _BALANCE.fullmatch(value.removeprefix(":"))
            if balance is None:
                raise Unreadable(f"{value[:60]!a} is no aggregate balance", line)
            if "quantity" in self.holding:
                raise Unreadable("is a second aggregate balance of one instrument", line)
            sign = "-" if balance["sign"] else ""
            self.holding |= {"kind": balance["kind"], "quantity": sign + balance["amount"].removesuffix(",")}

    def end(self) -> None:
        """All sequences are closed, the last page was there, and no account is stated twice."""
        if self.inside:
            raise Unreadable(f"ends within a sequence {self.inside[-1][:20]!a}: it was cut short", self.began or 1)
        if self.more:
            raise Unreadable("is a page after which others have to follow: put them together", self.more)
        once_each(self.whose)
