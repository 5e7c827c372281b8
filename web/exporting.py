"""The whole export of a period, as `audit export` writes it, to be taken away as a ZIP."""

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from markup.report import report
from reading.record.export import export
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.connection import Books

LONGEST = 366  # days of an export


def exported(books: "Books", first: date, last: date) -> FileResponse:
    """Records, seals, a report for each rebalance and a manifest. Raises Refused for more days than a year has."""
    if not 0 <= (last - first).days < LONGEST:
        raise Refused(f"until is on or after since, by less than {LONGEST} days: {first} to {last} is not")
    folder = Path(tempfile.mkdtemp(prefix="rebalancer-export-"))
    try:
        export(books, first, last, folder / "record", report)
        made = shutil.make_archive(str(folder / "export"), "zip", folder / "record")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(made, media_type="application/zip", filename=f"record-{first}-{last}.zip", background=gone)
