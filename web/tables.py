"""What a listing's filter shows, as a file: CSV for people's tools, Parquet for programs."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from starlette.responses import Response

Format = Literal["html", "csv", "parquet"]
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(E[+-]?[0-9]+)?")
AT_MOST = 200_000  # rows of one file; more is narrowed by a filter, or comes by `rebalancer … --format csv`


def file(name: str, form: Format, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """The rows' columns, decimals and moments as texts, like every listing of the command line."""
    listed = [{column: _cell(row[column]) for column in columns} for row in rows]
    named = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    if form == "csv":
        return Response(_csv(columns, listed), media_type="text/csv; charset=utf-8", headers=named)
    return Response(_parquet(columns, listed), media_type="application/vnd.apache.parquet", headers=named)


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return value if value is None or isinstance(value, bool | int) else str(value)


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    written.writerow(columns)
    written.writerows([_safe(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted, so that nobody's account name runs there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} and not NUMBER.fullmatch(value):
        return "'" + value
    return value


def _parquet(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    made = pa.table({column: pa.array(_of_one_type([row[column] for row in rows])) for column in columns})
    out = io.BytesIO()
    parquet.write_table(made, out, compression="zstd")
    return out.getvalue()


def _of_one_type(values: Sequence[Any]) -> Sequence[Any]:
    """A column of numbers, yes and no, and texts is one of texts, as in CSV."""
    if len({type(each) for each in values if each is not None}) < 2:
        return values
    return [str(each).lower() if isinstance(each, bool) else None if each is None else str(each) for each in values]
