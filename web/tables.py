"""What a listing's filter shows, as a file: CSV for people's tools, Parquet for programs; all of it, however much."""

import csv
import io
import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["html", "csv", "parquet"]
Row = Mapping[str, Any]
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(E[+-]?[0-9]+)?")
PAGE = 1_000  # rows that are asked for together
AT_ONCE = 5_000  # rows of a file that are in memory together, whatever its length
# Columns that are no texts, so that a file has the same types whatever is in it.
INTEGERS = frozenset(
    {
        "position",
        "id",
        "accounts",
        "pending",
        "version",
        "holdings",
        "round",
        "step",
        "row",
        "count",
        "bytes",
        "record_id",
    }
)
BOOLEANS = frozenset({"rebalancing", "liquidation", "booked", "ok"})


def file(name: str, form: Format, columns: Sequence[str], rows: Iterable[Row]) -> Response:
    """The rows' columns, decimals and moments as texts, like every listing of the command line.

    `rows` may come as they are read: what is wrong before the first of them is refused as on every page.
    """
    batches = _batches(columns, rows)
    whole = itertools.chain([next(batches, [])], batches)
    named = attached(f"{name}.{form}")
    if form == "csv":
        return StreamingResponse(_csv(columns, whole), media_type="text/csv; charset=utf-8", headers=named)
    made = _parquet(columns, whole)
    gone = BackgroundTask(Path(made).unlink, missing_ok=True)
    return FileResponse(made, media_type="application/vnd.apache.parquet", headers=named, background=gone)


def attached(name: str) -> dict[str, str]:
    """What has a browser keep an answer as a file of that name, whatever an id in it is made of (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    told = f'attachment; filename="{plain}"'
    return {"Content-Disposition": told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}"}


def _batches(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[list[dict[str, Any]]]:
    left = iter(rows)
    while batch := [{column: _cell(row[column]) for column in columns} for row in itertools.islice(left, AT_ONCE)]:
        yield batch


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return value if value is None or isinstance(value, bool | int) else str(value)


def _csv(columns: Sequence[str], batches: Iterable[Sequence[Row]]) -> Iterator[str]:
    heading = io.StringIO()
    csv.writer(heading, lineterminator="\n").writerow(columns)
    yield heading.getvalue()
    for rows in batches:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([_safe(row[column]) for column in columns] for row in rows)
        yield out.getvalue()


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted, so that nobody's account name runs there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} and not NUMBER.fullmatch(value):
        return "'" + value
    return value


def _parquet(columns: Sequence[str], batches: Iterable[Sequence[Row]]) -> str:
    """A file of a row group a batch; where it is."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(column, _type(column)) for column in columns])
    with tempfile.NamedTemporaryFile(prefix="rebalancer-", suffix=".parquet", delete=False) as made:
        try:
            with parquet.ParquetWriter(made, schema, compression="zstd") as written:
                for rows in batches:
                    cells = {each.name: [_of(row[each.name], each.type) for row in rows] for each in schema}
                    written.write_table(pa.table(cells, schema=schema))
        except BaseException:
            Path(made.name).unlink(missing_ok=True)
            raise
    return made.name


def _type(column: str) -> "pa.DataType":
    import pyarrow as pa

    return pa.int64() if column in INTEGERS else pa.bool_() if column in BOOLEANS else pa.string()


def _of(value: Any, kind: "pa.DataType") -> Any:
    """A value as its column has it; yes and no among texts as in CSV."""
    if value is None or str(kind) != "string":
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
