"""Reading: rows into what a feed gives, by its definition: positions with lots and cash, prices, or weights.

A row that can't be kept (short, an option, another currency) stops its account, not the file; a cell that can't be
read refuses the file. Numbers are exact, and only those of the file: nothing is looked up here.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.books.deliveries import Problems
from domain.books.identifiers import SYMBOL, Name
from domain.values.money import ONE, ZERO, money, plain
from domain.values.snapshot import Lot
from feeds.conditions import holds
from feeds.definition import IDENTIFIERS, Feed, Gives, RowKind, Version
from feeds.rows import Row, Sheet, legible
from feeds.transforms import Marks, Uncertain, applied, day

Names = tuple[Name, ...]  # how a row names its security: each (scheme, value)
MAIN_KIND: dict[Gives, RowKind] = {"positions": "position", "prices": "price", "model": "holding"}
NOT_KEPT = frozenset({"note", "skip"})
TALLIES = frozenset({"total", "count"})
LARGEST = Decimal(10) ** 16


@dataclass(slots=True)
class Stated:
    """A position, or cash where `names` is empty, as a file states it. `stop`: why its account can't be compared."""

    line: int
    account: str
    names: Names
    quantity: Decimal = ZERO
    lots: list[Lot] = field(default_factory=list)
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """A price of a security on a day."""

    line: int
    names: Names
    day: str
    close: str


@dataclass(frozen=True, slots=True)
class Weighted:
    """A holding of a model, or cash where `names` is empty."""

    line: int
    names: Names
    weight: Decimal


@dataclass(slots=True)
class FeedReading:
    """All that a file gives. `notes` are for a person; `as_of` is the file's day, where it says one."""

    as_of: str | None = None
    positions: list[Stated] = field(default_factory=list)
    prices: list[Priced] = field(default_factory=list)
    weights: list[Weighted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_columns: tuple[str, ...] = ()
    without_cash: bool = False


def read_rows(feed: Feed, version: Version, sheet: Sheet, problems: Problems) -> FeedReading:
    """What the rows of a file give. What can't be read is added to the problems, each with its line."""
    return _Reader(feed, version, sheet, problems).run()


class _Reader:
    """One file being read."""

    def __init__(self, feed: Feed, version: Version, sheet: Sheet, problems: Problems) -> None:
        self.feed, self.version, self.sheet, self.problems = feed, version, sheet, problems
        self.out = FeedReading(unknown_columns=sheet.unknown_columns, without_cash=version.without_cash)
        self.stated: dict[tuple[str, Names], Stated] = {}
        self.lots_alone: set[tuple[str, Names]] = set()
        self.above: Stated | None = None
        self.days: dict[str, int] = {}
        self.values = ZERO
        self.counted = 0
        self.untold = 0  # the line of the last row that no total or count has told yet
        self.rows_seen: dict[tuple[tuple[tuple[str, str], ...], str], int] = {}  # with the first line of each
        self.marks = Marks(version.decimal_mark, version.thousands)
        of_date, of_symbol = version.fields.get("acquired"), version.fields.get("symbol")
        # A lot's date in the column of the symbol: it belongs to the position above it.
        self.lots_below = of_date is not None and of_symbol is not None and of_date.column == of_symbol.column

    def run(self) -> FeedReading:
        main = self.version.otherwise or MAIN_KIND[self.feed.gives]
        for row in self.sheet.rows:
            rule = next((each for each in self.version.rows if holds(each.when, row)), None)
            kind, says = (rule.kind, rule.says) if rule else (main, "")
            try:
                if row.missing and (kind not in NOT_KEPT or (rule and row.lacks(rule.when))):
                    raise Uncertain(f"lacks {row.missing} fields at its end")
                getattr(self, f"_{kind}")(row, says)
            except Uncertain as flaw:
                self.problems.add(row.line, str(flaw))
        self._finish()
        return self.out

    # --- what a row is -----------------------------------------------------------------------------------------

    def _skip(self, row: Row, says: str) -> None:
        """Nothing of it is kept."""

    def _note(self, row: Row, says: str) -> None:
        account, what = self._text(row, "account"), self._text(row, "symbol") or f"line {row.line}"
        amount = self._text(row, "value") or self._text(row, "weight")
        told = f"{what} of {amount}" if amount else what
        self.out.notes.append(legible(f"{account + ': ' if account else ''}{told} {says or 'is left out'}"))

    def _stop(self, row: Row, says: str) -> None:
        self._mark(row)
        account, names = self._account(row), self._names(row)
        shown = names[0][1] if names else "a row"
        self.stated.setdefault(
            (account, (("stopped", f"{row.line}"),)),
            Stated(row.line, account, names, stop=legible(f"{shown} {says or 'is not kept here'}")),
        )

    def _position(self, row: Row, says: str) -> None:
        self._mark(row)
        self._unlike(row)
        account, names, quantity = self._account(row), self._names(row), self._number(row, "quantity")
        if not names:
            raise Uncertain("names no security")
        key = account, names
        held = self.stated.get(key)
        if held is None:
            held = self.stated[key] = Stated(row.line, account, names, quantity)
        elif key in self.lots_alone:  # its lots stood above it
            self.lots_alone.discard(key)
            held.quantity = quantity
        elif self.version.sum_rows:
            held.quantity = self._sum(held.quantity, quantity)
        else:
            raise Uncertain(f"{legible(names[0][1])} of account {legible(account)} is on line {held.line} already")
        if quantity < 0:
            held.stop = f"{plain(quantity)} {legible(names[0][1])}: short positions are not kept"
        self.above = held

    def _lot(self, row: Row, says: str) -> None:
        names, quantity = self._names(row), self._number(row, "quantity")
        cost, acquired = self._text(row, "cost"), self._text(row, "acquired")
        if names and not self.lots_below:
            key = self._account(row), names
            if key not in self.stated:
                self.stated[key] = Stated(row.line, *key)
                self.lots_alone.add(key)
            held = self.stated[key]
            if key in self.lots_alone:
                held.quantity = self._sum(held.quantity, quantity)
        elif self.above is None:
            raise Uncertain("is a lot, and no position stands above it")
        else:
            held = self.above
        self._mark(row, tally=False)
        if quantity <= 0:
            held.stop = (
                held.stop or f"a lot of {plain(quantity)} {legible(held.names[0][1])}: short positions are not kept"
            )
            return
        price = Decimal(self._plain_number(cost)) if cost else None
        if price is not None and price < 0:
            raise Uncertain(f"{cost} is a cost below 0")
        held.lots.append(Lot(quantity, price, day(acquired, "YYYY-MM-DD") if acquired else None))

    def _cash(self, row: Row, says: str) -> None:
        self._mark(row)
        if self.feed.gives == "model":
            self.out.weights.append(Weighted(row.line, (), self._number(row, "weight")))
            return
        self._unlike(row)
        account, amount = self._account(row), self._number(row, "cash")
        held = self.stated.get((account, ()))
        if held is None:
            self.stated[account, ()] = Stated(row.line, account, (), amount)
        elif self.version.sum_rows:
            held.quantity = self._sum(held.quantity, amount)
        else:
            raise Uncertain(f"cash of account {legible(account)} is on line {held.line} already")
        settled = self._text(row, "settled")
        if settled and Decimal(self._plain_number(settled)) != amount:
            settled_amount = money(Decimal(settled))
            self.out.notes.append(f"{legible(account)}: of its cash of {money(amount)}, {settled_amount} is settled")

    def _price(self, row: Row, says: str) -> None:
        self._mark(row)
        names = self._names(row)
        if not names:
            raise Uncertain("names no security")
        self.out.prices.append(Priced(row.line, names, self._text(row, "date"), self._text(row, "close")))

    def _holding(self, row: Row, says: str) -> None:
        self._mark(row)
        names = self._names(row)
        if not names:
            raise Uncertain("names no security")
        self.out.weights.append(Weighted(row.line, names, self._number(row, "weight")))

    def _total(self, row: Row, says: str) -> None:
        self.untold = 0
        stated = self._number(row, "value")
        if abs(stated - self.values) > Decimal(self.version.tally_within):
            self.problems.add(
                row.line, f"the total is {money(stated)}, and the lines above it sum to {money(self.values)}"
            )
        self.values = ZERO

    def _count(self, row: Row, says: str) -> None:
        self.untold = 0
        stated = self._number(row, "count")
        if stated != self.counted:
            self.problems.add(row.line, f"says {plain(stated)} lines, and there are {self.counted}")

    def _unlike(self, row: Row) -> None:
        """Rows are added up that differ in something: one that stands there twice would count twice."""
        first = self.rows_seen.setdefault((tuple(row.cells.items()), row.said), row.line)
        if first != row.line and self.version.sum_rows and "acquired" not in self.version.fields:
            raise Uncertain(f"is line {first} again, word for word: added up, it would count twice")

    # --- cells -------------------------------------------------------------------------------------------------

    def _text(self, row: Row, name: str) -> str:
        """A field's text after its transforms; empty where there is none, or where the cell says nothing."""
        form = self.version.fields.get(name)
        if form is None:
            return ""
        if form.constant is not None:
            text = form.constant
        elif form.title is not None:
            text = row.titles.get(form.title) or self.sheet.titles.get(form.title, "")
        else:
            text = row.cells.get(str(form.column), "")
        return "" if text in self.version.nothing else applied(text, form.then, self.marks)

    def _plain_number(self, text: str) -> str:
        try:
            sound = bool(text) and abs(Decimal(text)) < LARGEST
        except ArithmeticError:
            sound = False
        if not sound:
            raise Uncertain(f"{text[:60]!a} is not a number that can be kept")
        return text

    def _number(self, row: Row, name: str) -> Decimal:
        text = self._text(row, name)
        if not text:
            raise Uncertain(f"{name}: there is no number")
        return Decimal(self._plain_number(text))

    def _account(self, row: Row) -> str:
        account = self._text(row, "account")
        if not account:
            raise Uncertain("names no account")
        return account

    def _names(self, row: Row) -> Names:
        """How the row names its security: by its symbol, as we spell it and as the file does, and its identifiers."""
        found: list[Name] = [(scheme, text) for scheme in IDENTIFIERS if (text := self._text(row, scheme))]
        if symbol := self._text(row, "symbol"):
            spelled = self.version.symbols.get(symbol, symbol)
            form = self.version.fields["symbol"]
            as_written = row.cells.get(str(form.column), symbol)
            found = [(SYMBOL, each) for each in dict.fromkeys((spelled, symbol, as_written))] + found
        return tuple(found)

    def _sum(self, one: Decimal, other: Decimal) -> Decimal:
        return Decimal(self._plain_number(plain(one + other)))

    def _mark(self, row: Row, tally: bool = True) -> None:
        """Notes a row's day, and that it is counted."""
        self.counted += 1
        self.untold = row.line
        if self.feed.gives != "prices" and (text := self._text(row, "date")):
            self.days.setdefault(text, row.line)
        if tally and "value" in self.version.fields and (value := self._text(row, "value")):
            self.values += Decimal(self._plain_number(value))

    # --- the whole ---------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if len(self.days) > 1:
            first, second, *_ = self.days
            self.problems.add(self.days[second], f"is of {second}, and line {self.days[first]} of {first}")
        if self.untold and any(each.kind in TALLIES for each in self.version.rows):
            self.problems.add(self.untold, "is the last line: the total or count that belongs below it is not there")
        self.out.as_of = next(iter(self.days), None)
        for each in self.stated.values():
            total = sum((lot.quantity for lot in each.lots), ZERO)
            if each.lots and total != each.quantity and each.stop is None:
                each.stop = f"{plain(each.quantity)} {legible(each.names[0][1])}, and its lots sum to {plain(total)}"
        self.out.positions = list(self.stated.values())
        if self.feed.gives == "model":
            self._close_weights()

    def _close_weights(self) -> None:
        """Cash as one line, with what the weights lack or have over where the feed says that this is cash."""
        weights = [each for each in self.out.weights if each.names]
        cash_lines = [each for each in self.out.weights if not each.names]
        cash = sum((each.weight for each in cash_lines), ZERO)
        over = ONE - cash - sum((each.weight for each in weights), ZERO)
        allowed = Decimal(self.version.rest_to_cash or 0)
        if over and abs(over) <= allowed and cash + over >= 0:
            cash += over
            self.out.notes.append(f"the weights sum to {plain((ONE - over) * 100)} %: the rest is taken for cash")
        if cash:
            weights.append(Weighted(cash_lines[0].line if cash_lines else 0, (), cash))
        self.out.weights = weights
