"""A feed's definition: what may be said of a file in `policy/feeds/*.yaml`. Shape only; `catalogue` reads the files.

A definition is data. There is a closed set of formats, of row kinds, of conditions and of transforms, and unknown
keys are refused: what a file needs beyond them is a reader of its own, not a line of code in a definition.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Gives = Literal["positions", "prices", "model"]
Format = Literal["csv", "fixed", "workbook", "flex", "ofx", "semt.002", "mt535"]
RowKind = Literal["position", "lot", "cash", "price", "holding", "total", "count", "note", "stop", "skip"]
MESSAGES = frozenset({"flex", "ofx", "semt.002", "mt535"})  # they bring their own columns

KINDS: dict[Gives, frozenset[str]] = {
    "positions": frozenset({"position", "lot", "cash", "total", "count", "note", "stop", "skip"}),
    "prices": frozenset({"price", "count", "note", "skip"}),
    "model": frozenset({"holding", "cash", "total", "count", "note", "skip"}),
}
IDENTIFIERS = ("isin", "cusip", "sedol", "figi", "occ")
FIELDS: dict[Gives, frozenset[str]] = {
    "positions": frozenset(
        {"account", "symbol", *IDENTIFIERS, "quantity", "cash", "settled", "value", "date", "acquired", "cost", "count"}
    ),
    "prices": frozenset({"symbol", *IDENTIFIERS, "date", "close", "count"}),
    "model": frozenset({"symbol", *IDENTIFIERS, "weight", "date", "value", "count"}),
}
NEEDED: dict[Gives, frozenset[str]] = {
    "positions": frozenset({"account", "quantity"}),
    "prices": frozenset({"date", "close"}),
    "model": frozenset({"weight"}),
}


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Step(_Form):
    """One transform. Exactly one key is given; `transforms` says what each does."""

    number: Literal[True] | None = None
    percent: Literal[True] | None = None
    implied_decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    date: str | None = None
    word: Literal["first", "last"] | None = None
    before: str | None = None
    without_prefix: str | None = None
    without_suffix: str | None = None
    prefix: str | None = None
    share_class: str | None = None
    upper: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, raw: Any) -> Any:
        return {raw: True} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one(self) -> "Step":
        if len(self.model_fields_set) != 1:
            raise ValueError("a transform is one key, like number or {date: YYYYMMDD}")
        return self


class FieldForm(_Form):
    """Where a value comes from: a column, a title outside the table, or a constant; and its transforms in order."""

    column: str | None = None
    title: str | None = None
    constant: str | None = None
    then: Annotated[list[Step], BeforeValidator(_as_list)] = []

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, raw: Any) -> Any:
        return {"column": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one(self) -> "FieldForm":
        if sum(each is not None for each in (self.column, self.title, self.constant)) != 1:
            raise ValueError("give one of column, title and constant")
        return self


class Condition(_Form):
    """What a cell must be. All that is given must hold; a bare text or list is what it must equal."""

    one_of: Annotated[list[str], BeforeValidator(_as_list)] | None = None
    not_one_of: Annotated[list[str], BeforeValidator(_as_list)] | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: str | None = None
    empty: bool | None = None
    zero: bool | None = None
    date: str | None = None  # a date of this form

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, raw: Any) -> Any:
        return {"one_of": raw} if isinstance(raw, str | list) else raw


class RowRule(_Form):
    """Rows of which all of `when` holds are of a kind. The first rule that fits counts."""

    when: dict[str, Condition] = {}
    kind: RowKind
    says: str = ""  # of a stop and a note: why, for whom reads it


class FixedColumn(_Form):
    """A column of a file of fixed widths: `start` counts from 1."""

    name: str
    start: Annotated[int, Field(ge=1, le=10_000)]
    width: Annotated[int, Field(ge=1, le=10_000)]


class Version(_Form):
    """A feed as it is from a day on."""

    since: date = Field(alias="from")
    because: str
    encoding: Literal["utf-8", "cp1252", "latin-1", "ascii", "utf-16"] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal_mark: Literal[".", ",", "either"] = "."  # either: a point or a comma, as OFX has it
    thousands: bool = True  # whether the other mark may stand between thousands; messages never have it
    header: list[str] = []  # its columns in their order; empty where the format brings its own
    widths: list[FixedColumn] = []
    begins_with: str = ""  # how the file must begin
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    titles: list[str] = []  # lines outside the table: `Account {account}, as of {date}`
    ends_at: list[str] = []  # first cells that end the table, besides an empty row
    nothing: list[str] = []  # cells that say nothing, like --
    rows: list[RowRule] = []
    otherwise: RowKind | None = None  # what a row is that no rule fits; the feed's main kind where it is not given
    fields: dict[str, FieldForm]
    symbols: dict[str, str] = {}  # spellings of this sender: BRKB is BRK.B
    sum_rows: bool = False  # rows of one account and security are added up (margin and cash, several taxlots)
    without_cash: bool = False  # its statements say nothing of cash
    tally_within: str = "0.01"  # how far a total may be from the sum of its rows
    rest_to_cash: str | None = None  # of a model: how much of the weights' sum may lack or be over, as cash


class Feed(_Form):
    """A feed: what it gives, of which format, which files are its own, and its versions."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]
    says: str
    gives: Gives
    format: Format
    sender: str = ""  # as `custodian` of its accounts has it, however it is written there
    files: Annotated[list[str], Field(min_length=1)]  # patterns of names: *positions*.csv
    versions: Annotated[list[Version], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> "Feed":
        for each in self.versions:
            _check(self, each)
        days = [each.since for each in self.versions]
        if days != sorted(set(days)):
            raise ValueError("versions stand in the order of their days, each once")
        return self

    def on(self, day: date) -> list[Version]:
        """The versions that there are on a day, the newest first."""
        return [each for each in reversed(self.versions) if each.since <= day]


def _check(feed: Feed, version: Version) -> None:
    """What only the whole of a version shows to be unsound."""
    unknown = version.fields.keys() - FIELDS[feed.gives]
    if unknown:
        raise ValueError(f"no field of {feed.gives}: {', '.join(sorted(unknown))}")
    if missing := NEEDED[feed.gives] - version.fields.keys():
        raise ValueError(f"the field {', '.join(sorted(missing))} is missing")
    if not {"symbol", *IDENTIFIERS} & version.fields.keys():
        raise ValueError("a field names the security: symbol, or an identifier")
    kinds = {each.kind for each in version.rows} | ({version.otherwise} if version.otherwise else set())
    if wrong := kinds - KINDS[feed.gives]:
        raise ValueError(f"no row of {feed.gives}: {', '.join(sorted(wrong))}")
    for kind, field in (("cash", "cash"), ("total", "value"), ("count", "count"), ("lot", "acquired"), ("lot", "cost")):
        if kind in kinds and field not in version.fields and not (feed.gives == "model" and kind == "cash"):
            raise ValueError(f"rows of kind {kind} need the field {field}")
    if feed.format not in MESSAGES:
        of_widths = [each.name for each in version.widths]
        columns: set[str | None] = {*(of_widths if feed.format == "fixed" else version.header)}
        if not columns:
            raise ValueError("a table needs its columns: header, or widths where they are fixed")
        named = {each.column for each in version.fields.values()} | {
            name for rule in version.rows for name in rule.when
        }
        if strange := named - columns - {None}:
            raise ValueError(f"no column: {', '.join(sorted(map(str, strange)))}")
