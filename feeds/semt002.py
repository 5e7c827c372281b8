"""ISO 20022 semt.002, the custody statement: a row a balance of an account, in whichever version of the message.

Columns: `account`, `date`, `isin`, `other` and `other_type` (another identifier and its kind), `side` (`LONG`, `SHRT`),
`unit`, `face`, `amortised`. Only whole statements (`COMP`), all pages of them in the file.
"""

from collections.abc import Iterator

from feeds.definition import Version
from feeds.rows import NotThisFeed, Row, Sheet, Unreadable
from feeds.transforms import day_there
from feeds.xml import Node, parse


def read(content: bytes, version: Version) -> Sheet:
    """The balances of a statement. Raises Unreadable where it is not whole."""
    root = parse(content)
    body = next(root.all("SctiesBalCtdyRpt"), root)
    if body.name != "SctiesBalCtdyRpt":
        raise NotThisFeed("it has no SctiesBalCtdyRpt")
    if body.first("Pgntn", "LastPgInd") == "false" or body.first("Pgntn", "PgNb").lstrip("0") not in {"", "1"}:
        raise Unreadable("is one page of several: put them together before it is loaded", body.line)
    update = body.first("StmtGnlDtls", "UpdTp", "Cd")
    if update not in {"", "COMP"}:
        raise Unreadable("says only what changed, and a whole statement (COMP) is needed", body.line)
    stated = next(body.all("StmtGnlDtls", "StmtDtTm"), None)
    day = "" if stated is None else day_there(stated.first("Dt") or stated.first("DtTm"))
    return Sheet(list(_rows(body, day)), {})


def _rows(body: Node, day: str) -> Iterator[Row]:
    yield from _balances(body, "BalForAcct", body.first("SfkpgAcct", "Id"), day)
    for below in body.all("SubAcctDtls"):
        yield from _balances(below, "BalForSubAcct", below.first("SfkpgAcct", "Id"), day)


def _balances(body: Node, name: str, account: str, day: str) -> Iterator[Row]:
    for balance in body.all(name):
        quantity = next(balance.all("AggtBal", "Qty", "Qty", "Qty"), None) or next(
            balance.all("AggtBal", "Qty", "Qty"), None
        )
        amounts = quantity if quantity is not None else Node("", balance.line)
        cells = {
            "account": account,
            "date": day,
            "isin": balance.first("FinInstrmId", "ISIN"),
            "other": balance.first("FinInstrmId", "OthrId", "Id"),
            "other_type": balance.first("FinInstrmId", "OthrId", "Tp", "Cd"),
            "side": balance.first("AggtBal", "ShrtLngInd"),
            "unit": amounts.first("Unit"),
            "face": amounts.first("FaceAmt"),
            "amortised": amounts.first("AmtsdVal"),
        }
        yield Row(balance.line, cells, said=balance.words())
