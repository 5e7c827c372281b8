"""Interactive Brokers' Flex queries in XML: a row an open position or a currency's cash, its columns the attributes.

Columns besides: `element` (`OpenPosition`, `CashReportCurrency`) and `toDate` of the statement.
"""

from feeds.definition import Version
from feeds.rows import NotThisFeed, Row, Sheet, once_each
from feeds.xml import parse

ELEMENTS = ("OpenPosition", "CashReportCurrency")


def read(content: bytes, version: Version) -> Sheet:
    """The rows of all statements of a query's answer."""
    root = parse(content)
    if root.name != "FlexQueryResponse":
        raise NotThisFeed("it is no FlexQueryResponse")
    statements = list(root.all("FlexStatements", "FlexStatement"))
    once_each((each.line, each.attributes.get("accountId", "")) for each in statements)
    rows = [
        Row(
            node.line,
            {"accountId": statement.attributes.get("accountId", ""), "toDate": statement.attributes.get("toDate", "")}
            | {key: value.strip() for key, value in node.attributes.items()}
            | {"element": node.name},
        )
        for statement in statements
        for element in ELEMENTS
        for node in statement.everywhere(element)
    ]
    return Sheet(rows, {})
