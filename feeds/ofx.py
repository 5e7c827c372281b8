"""OFX investment statements, version 1 (SGML without end tags) and 2 (XML): a row a position, and one a balance.

Columns of a position: `element` (`POSSTOCK`, `POSMF`, `POSDEBT`, `POSOPT`, `POSOTHER`), `account`, `date`, `currency`,
`CUSIP`, `ISIN`, `SEDOL` (whichever the file names), `TICKER` and `SECNAME` out of its list of securities, and the
leaves of INVPOS. Of a balance: `element` `INVBAL` and its leaves.
"""

import html
import re
from collections.abc import Iterator

from feeds.definition import Version
from feeds.rows import NotThisFeed, Row, Sheet, Unreadable, once_each
from feeds.transforms import day_there
from feeds.xml import MAX_DEPTH, MAX_NODES, Node

_TOKEN = re.compile(r"<(/?)([A-Za-z0-9._]{1,40})\s*>([^<]*)")
_END = re.compile(r"</([A-Za-z0-9._]{1,40})")
POSITIONS = ("POSSTOCK", "POSMF", "POSDEBT", "POSOPT", "POSOTHER")
# What holds other elements, and so has to be ended; without its end, what it holds would be lost.
AGGREGATES = frozenset({"INVSTMTRS", "INVACCTFROM", "INVPOSLIST", *POSITIONS, "INVPOS", "SECID", "INVBAL", "SECINFO"})


def read(content: bytes, version: Version) -> Sheet:
    """The positions and balances of all statements of a file."""
    text = content.decode("cp1252" if b"CHARSET:1252" in content[:1000] else "utf-8", "replace")
    start = text.find("<OFX>")
    if start < 0:
        raise NotThisFeed("it has no <OFX>")
    if (declared := text.find("<!")) >= 0:
        raise Unreadable("declares something, which no statement needs: refused", text.count("\n", 0, declared) + 1)
    root = _tree(text, start)
    securities = {
        (info.first("SECID", "UNIQUEIDTYPE").upper(), info.first("SECID", "UNIQUEID")): info
        for info in root.everywhere("SECINFO")
    }
    statements = list(root.everywhere("INVSTMTRS"))
    if not statements:
        raise NotThisFeed("it has no investment statement (INVSTMTRS)")
    once_each((each.line, each.first("INVACCTFROM", "ACCTID")) for each in statements)
    return Sheet([row for each in statements for row in _rows(each, securities)], {})


def _rows(statement: Node, securities: dict[tuple[str, str], Node]) -> Iterator[Row]:
    of_all = {
        "account": statement.first("INVACCTFROM", "ACCTID"),
        "date": day_there(statement.first("DTASOF")),
        "currency": statement.first("CURDEF"),
    }
    for element in POSITIONS:
        for node in statement.all("INVPOSLIST", element):
            leaves = {each.name: each.text.strip() for each in node.all("INVPOS") for each in each.children}
            scheme = node.first("INVPOS", "SECID", "UNIQUEIDTYPE").upper()
            value = node.first("INVPOS", "SECID", "UNIQUEID")
            known = securities.get((scheme, value))
            named = {each: known.first(each) for each in ("TICKER", "SECNAME")} if known else {}
            cells = leaves | named | of_all | {scheme or "UNIQUEID": value, "element": element}
            yield Row(node.line, cells, said=node.words())
    for balance in statement.all("INVBAL"):
        leaves = {each.name: each.text.strip() for each in balance.children}
        yield Row(balance.line, leaves | of_all | {"element": "INVBAL"}, said=balance.words())


def _tree(text: str, start: int) -> Node:
    """The elements: one with text of its own, or whose end is never written, is a leaf."""
    ended = {name.upper() for name in _END.findall(text)}
    top = Node("", 0)
    open_now, line, at = [top], text.count("\n", 0, start) + 1, start
    for count, found in enumerate(_TOKEN.finditer(text, start)):
        line += text.count("\n", at, found.start())
        at = found.start()
        ends, name, inside = found[1], found[2].upper(), found[3].strip()
        if len(open_now) > MAX_DEPTH or count > MAX_NODES:
            raise Unreadable("is nested too deeply, or too large", line)
        if not ends:
            if name in AGGREGATES and name not in ended:
                raise Unreadable(f"begins {name} and does not end it", line)
            node = Node(name, line, text=html.unescape(inside))
            open_now[-1].children.append(node)
            if not inside and name in ended:
                open_now.append(node)
        elif any(each.name == name for each in open_now):
            while (inner := open_now.pop()).name != name:
                if inner.children:  # else it is a leaf of no text, whose end is not written
                    raise Unreadable(f"ends {name} before {inner.name} has ended", line)
    if len(open_now) > 1 or "OFX" not in ended:
        raise Unreadable(f"ends within {open_now[-1].name or 'OFX'}: it was cut short", line)
    return top
