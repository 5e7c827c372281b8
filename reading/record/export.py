"""A period of the record as files that stand alone, with a manifest of their hashes."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reading.refused import Refused

if TYPE_CHECKING:
    from reading.record.story import Story
    from storage.connection import Books, Transaction

Json = dict[str, Any]
Report = Callable[["Story", Json], str]
LONGEST_NAME = 200  # bytes; file systems take 255


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how much of each, the manifest, and its own hash, which vouches for all of it."""

    records: int
    seals: int
    rebalances: int
    manifest: Json
    manifest_hash: str


def export(books: "Books", first: date, last: date, out: Path, report: Report) -> Exported:
    """Writes the days `first` to `last`, in UTC, to a folder that is empty or not there yet; all or nothing.

    `report` makes the page of one rebalance of its story and proof. Refused where the folder can't be taken.
    """
    from storage.actor import Actor
    from storage.connection import Transaction
    from storage.record.verification import snapshot

    _must_be_empty(out)
    with _all_or_nothing(out) as building, snapshot(books.engine) as connection:
        done = _Export(Transaction(connection, Actor("export")), building, first, last, report)
        done.write()
    return Exported(done.records, done.seals, len(done.reports), done.manifest, done.manifest_hash)


def _must_be_empty(out: Path) -> None:
    if out.is_symlink():
        raise Refused(f"{out} is a link: name the folder itself")
    if out.exists() and not out.is_dir():
        raise Refused(f"{out} is a file: name a folder that is empty, or not there yet")
    if out.exists() and any(out.iterdir()):
        raise Refused(f"{out} is not empty, and nothing in it is overwritten: name another folder")
    if not out.absolute().parent.is_dir():
        raise Refused(f"there is no folder {out.absolute().parent}: make it first")


@contextlib.contextmanager
def _all_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when everything is written, and is gone where anything fails."""
    building = out.absolute().with_name(f"{out.name}.partial")
    try:
        building.mkdir(mode=0o700)  # it holds clients' holdings
    except FileExistsError as flaw:
        raise Refused(f"{building} is there: another export writes it, or left it. Remove it if none does") from flaw
    except OSError as flaw:
        raise Refused(f"{building} can't be made: {flaw.strerror}") from flaw
    try:
        yield building
        if out.exists():
            out.rmdir()
        building.rename(out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


@dataclass
class _Export:
    """One export on its way."""

    books: "Transaction"
    folder: Path
    first: date
    last: date
    report: Report
    records: int = 0
    seals: int = 0
    chains: dict[str, Json] = field(default_factory=dict)
    rebalances: set[str] = field(default_factory=set)
    reports: list[str] = field(default_factory=list)
    files: dict[str, Json] = field(default_factory=dict)
    manifest: Json = field(default_factory=dict)
    manifest_hash: str = ""

    @property
    def period(self) -> tuple[datetime, datetime]:
        """From the first moment of the first day to the first moment after the last, in UTC."""
        return (
            datetime.combine(self.first, time(), UTC),
            datetime.combine(self.last, time(), UTC) + timedelta(days=1),
        )

    def write(self) -> None:
        """Writes every file; the manifest last."""
        self._file("records.jsonl", self._records())
        self._file("seals.jsonl", self._seals())
        (self.folder / "reports").mkdir()
        self._file("rebalances.jsonl", self._rebalances())
        self.manifest = {
            "since": str(self.first),
            "until": str(self.last),
            "records": self.records,
            "seals": self.seals,
            "reports": len(self.reports),
            "files": self.files,
            "chains": self.chains,
        }
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n"
        (self.folder / "manifest.json").write_text(text, encoding="utf-8")
        self.manifest_hash = hashlib.sha256(text.encode()).hexdigest()

    def _file(self, name: str, lines: Iterable[str]) -> None:
        """A file of lines, its hash noted for the manifest."""
        digest, size = hashlib.sha256(), 0
        with (self.folder / name).open("xb") as file:  # a new file: nothing is written through what is there
            for line in lines:
                data = f"{line}\n".encode()
                digest.update(data)
                size += file.write(data)
        self.files[name] = {"sha256": digest.hexdigest(), "bytes": size}

    def _records(self) -> Iterator[str]:
        """The records, each with its content as it was hashed, the hash before it, and its own."""
        from storage.record.reading import of_period

        for link, previous, own in of_period(self.books.connection, *self.period):
            self.records += 1
            if link.rebalance_id is not None:
                self.rebalances.add(link.rebalance_id)
            chain = self.chains.setdefault(link.chain, {"first": link.seq, "previous": previous.hex()})
            chain |= {"last": link.seq, "hash": own.hex()}
            hashes = f'"previous": "{previous.hex()}", "hash": "{own.hex()}"'
            yield f'{{{hashes}, "record": {link.content()}}}'

    def _seals(self) -> Iterator[str]:
        from reading.record.verify import seal_as_json

        for seal in self.books.seals.all(*self.period):
            self.seals += 1
            yield json.dumps(seal_as_json(seal), ensure_ascii=False)

    def _rebalances(self) -> Iterator[str]:
        """Every rebalance of which the period has a record, with its story; and its report beside."""
        from reading.record.proof import proof_of
        from reading.record.story import story_of
        from storage.work.rebalances import UnknownRebalance

        for rebalance_id in sorted(self.rebalances):
            try:
                story = story_of(self.books, rebalance_id)
            except UnknownRebalance:  # a record names one that is not there: audit verify's business, not an export's
                continue
            name = f"reports/{_file_name(rebalance_id)}.html"
            page = self.report(story, proof_of(self.books, story, f"{self.first} to {self.last}"))
            self._file(name, page.splitlines())
            self.reports.append(name)
            yield json.dumps(_whole(story), ensure_ascii=False, default=str)


def _file_name(given: str) -> str:
    """An id as the name of a file in the folder that is being written, whatever the database says it is.

    What is no letter, digit, `-` or `_` becomes a `%` and two digits; a name too long for a file its SHA-256.
    """
    name = quote(given, safe="").replace(".", "%2E")
    return name if len(name) <= LONGEST_NAME else hashlib.sha256(given.encode()).hexdigest()


def _whole(story: "Story") -> Json:
    """A rebalance with all that was kept of it: what it saw, what it planned, what came of it, and its story."""
    rounds = [
        {
            "round": each.round,
            "rules_version": each.rules_version,
            "snapshot": each.snapshot,
            "policy": each.policy,
            "plan": each.plan,
        }
        for each in story.rounds
    ]
    return {**story.as_json(), "rounds": rounds, "result": story.row.result}
