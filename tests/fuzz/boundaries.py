"""The boundaries: for each what comes in, made of sound input broken at random, and what must hold of the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import Engine
from temporalio.exceptions import ApplicationError

from cli.main import COMMANDS
from domain.values.policy import MODES
from tests.fuzz.broken import ODD, as_bytes, documents, files
from tests.fuzz.outlets import Broken, command, fingerprint, in_time
from workflows import contract

EXAMPLES = Path(__file__).parents[2] / "examples"
BOOK: dict[str, Any] = {
    "as_of": "2026-11-20",
    "policy": {"minimum_trade_amount": "100.00"},
    "securities": [
        {"symbol": "X", "name": "X plc", "price": "100.00", "quantity_increment": "1"},
        {"symbol": "Y", "price": "50.00", "price_as_of": "2026-11-20"},
    ],
    "models": [
        {
            "id": "M",
            "name": "Model",
            "manager": "Ann",
            "investment_minimum": "10000",
            "version": 1,
            "holdings": [
                {"symbol": "X", "weight": "0.5"},
                {"symbol": "Y", "weight": "0.48"},
                {"cash": True, "weight": "0.02"},
            ],
        }
    ],
    "targets": [
        {
            "id": "T",
            "name": "Target",
            "components": [
                {"model": "M", "weight": "0.4", "threshold": {"relative": "0.2"}, "precision": {"relative": "0.04"}},
                {"security": "Y", "weight": "0.3", "threshold": {"lower": "0.25", "upper": "0.4"}},
                {"target": "SUB", "weight": "0.2"},
                {"cash": True, "weight": "0.1"},
            ],
        },
        {"id": "SUB", "components": [{"security": "X", "weight": "1"}]},
    ],
    "account_groups": [{"id": "HOME", "accounts": ["A-1", "A-2"]}],
    "accounts": [
        {
            "id": "A-1",
            "name": "Ann",
            "custodian": "PAPER",
            "tax_status": "taxable",
            "status": "open",
            "lot_relief": "min_tax",
            "rebalancing": True,
            "target": "T",
            "first_rebalanced": "2025-03-01",
            "cash": "9000.00",
            "holdings": [
                {"symbol": "Y", "lots": [{"quantity": "800", "cost_per_share": "40", "acquired": "2024-01-02"}]}
            ],
            "sleeves": [{"model": "M", "cash": "12.00", "holdings": [{"symbol": "X", "quantity": "200"}]}],
            "protected": [{"symbol": "X", "quantity": "5"}],
            "restrictions": [{"type": "exclude", "symbol": "X", "to": "pro_rata", "from": "2027-01-01", "until": None}],
            "withdrawals": [{"amount": "500.00", "due": "2026-12-01"}],
            "recent_sales": [{"symbol": "X", "date": "2026-11-10", "quantity": "10", "gain": "-55.00"}],
        },
        {"id": "A-2", "target": "SUB", "cash": "5000.00", "tax_status": "exempt", "gain_budget": "100"},
    ],
}
PRICES = b"symbol,date,close\nX,2026-11-20,101.50\nY,2026-11-20,49.75\nZ,2026-11-19,3\n"
POSITIONS = (
    b"account_id,symbol,quantity,cost_per_share,acquired\nA-1,Y,800,40,2024-01-02\nA-1,X,200,,\nA-1,CASH,9012.00,,\n"
)
WEIGHTS = b"symbol,weight\nX,0.6\nY,0.4\n"
SIGNAL = {"id": "M", "version": 2, "holdings": [{"symbol": "X", "weight": "0.7"}, {"cash": True, "weight": "0.3"}]}


ACTIONS = {
    "actions": [
        {"id": "1", "type": "split", "symbol": "X", "date": "2026-11-20", "new": "3", "old": "2", "price": "10"},
        {"id": "2", "type": "symbol_change", "symbol": "Y", "date": "2026-11-20", "to": "YES"},
        {"id": "3", "type": "cash_dividend", "symbol": "X", "date": "2026-11-20", "amount": "0.25"},
    ]
}
ACTIONS_TABLE = b"id,type,symbol,date,new,old,amount\n1,split,X,2026-11-20,3,2,\n2,cash_dividend,Y,2026-11-20,,,0.25\n"
FEEDS = EXAMPLES / "feeds"


@dataclass(frozen=True)
class Place:
    """Where inputs go: a folder for files, and the books, where the boundary has any."""

    folder: Path
    engine: Engine


@dataclass(frozen=True)
class Boundary:
    """A name, what is tried, and how. `attempt` raises Broken where the answer is not what a person can use."""

    name: str
    inputs: st.SearchStrategy[Any]
    attempt: Callable[[Place, Any], None]


def _written(place: Place, name: str, content: bytes) -> str:
    path = place.folder / name
    path.write_bytes(content)
    return str(path)


def _plan(place: Place, given: tuple[str, bytes, str, str]) -> None:
    suffix, content, mode, form = given
    file = _written(place, f"book{suffix}", content)
    answer = command("plan", "--book", file, "--all", "--mode", mode, "--format", form)
    if answer.code == 1 and not answer.out and "refused" not in answer.err:
        raise Broken(f"a refusal that does not say so: {answer}")


def _changes_nothing_unless_taken(place: Place, *arguments: str) -> None:
    """All or nothing: after an answer other than 0 the books are what they were."""
    before = fingerprint(place.engine)
    answer = command(*arguments)
    if answer.code and fingerprint(place.engine) != before:
        raise Broken(f"{arguments} answers {answer.code} and has changed the books: {answer.err[:600]}")


def _load(place: Place, given: tuple[str, bytes]) -> None:
    suffix, content = given
    _changes_nothing_unless_taken(place, "load", _written(place, f"load{suffix}", content), "--by", "ann")


def _prices(place: Place, content: bytes) -> None:
    _changes_nothing_unless_taken(place, "prices", _written(place, "prices.csv", content), "--format", "json")


def _positions(place: Place, content: bytes) -> None:
    _changes_nothing_unless_taken(place, "positions", _written(place, "positions.csv", content), "--format", "json")


def _feed(place: Place, given: tuple[str, bytes]) -> None:
    """A file as somebody sends it: to look at, to draft a feed for, and to load as positions."""
    name, content = given
    file = _written(place, name, content)
    _changes_nothing_unless_taken(place, "feed", "try", file, "--format", "json")
    _changes_nothing_unless_taken(place, "feed", "draft", file)
    _changes_nothing_unless_taken(place, "positions", file, "--format", "json")


def _actions(place: Place, given: tuple[str, bytes]) -> None:
    suffix, content = given
    file = _written(place, f"actions{suffix}", content)
    _changes_nothing_unless_taken(place, "corporate-actions", file, "--format", "json")


def _signal(place: Place, given: tuple[str, bytes]) -> None:
    suffix, content = given
    more = () if suffix == ".json" else ("--id", "M", "--version", "7")
    file = _written(place, f"signal{suffix}", content)
    _changes_nothing_unless_taken(place, "model", "signal", file, *more, "--format", "json")


def _target(place: Place, given: tuple[str, bytes]) -> None:
    suffix, content = given
    file = _written(place, f"target{suffix}", content)
    _changes_nothing_unless_taken(place, "target", "edit", file, "--format", "json")


def _arguments(place: Place, given: list[str]) -> None:
    _changes_nothing_unless_taken(place, *given)


def _contract(place: Place, given: tuple[type[BaseModel], Any]) -> None:
    model, document = given
    try:
        with in_time():
            contract.read(model, document)
    except ApplicationError as refused:
        told = str(refused.message)
        if refused.type != contract.BAD_INPUT or not refused.non_retryable or "refused" not in told or "\n" in told:
            raise Broken(f"{model.__name__} of {document!r} is refused by {refused!r}") from refused
    except Broken:
        raise
    except BaseException as flaw:
        raise Broken(f"{model.__name__} of {document!r} ends in {flaw!r}") from flaw


def _inputs_of(model: type[BaseModel]) -> st.SearchStrategy[tuple[type[BaseModel], Any]]:
    """The example that a refusal of this input shows, with all its other fields beside it, broken."""
    import json

    example = json.loads(contract.EXAMPLES[model][1].strip("'"))
    whole = dict.fromkeys(model.model_fields, "x") | example
    return documents(example, example, whole).map(lambda document: (model, document))


BOOK_FILES = st.one_of(
    st.tuples(st.just(".json"), documents(BOOK).map(as_bytes)),
    st.tuples(st.just(".json"), files(as_bytes(BOOK))),
    st.tuples(st.just(".yaml"), files(as_bytes(BOOK), (EXAMPLES / "demo.yaml").read_bytes()[:6000])),
)
WORDS = st.one_of(
    st.sampled_from(
        ("A-1", "A-2", "NOBODY", "T", "SUB", "on", "off", "2026-11-20", "NO_TARGET", "COMPLETE", "rb-1", "--")
    ),
    st.sampled_from(
        ("--format", "json", "table", "--by", "--why", "--account", "--all", "--reason", "--status", "--since")
    ),
    st.sampled_from(("show", "assign", "remove", "edit", "rebalancing", "verify", "export", "recompute", "resolve")),
    st.sampled_from(
        ("--help", "--queue", "--mode", "exact", "--as-of", "--until", "--out", "--note", "--id", "--version")
    ),
    st.sampled_from([each for each in ODD if isinstance(each, str) and "\0" not in each and "\ud800" not in each]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
)


def boundaries() -> tuple[Boundary, ...]:
    """Every boundary that this release has: a command that is not there has none."""
    found = [
        Boundary("book files, planned", st.builds(_with_ways, BOOK_FILES, st.sampled_from(MODES), FORMS), _plan),
        Boundary("book files, loaded", BOOK_FILES, _load),
        Boundary("price files", files(PRICES), _prices),
        Boundary("target files", _document_files(BOOK["targets"][1], BOOK["targets"][0]), _target),
        Boundary(
            "workflow inputs and updates", st.sampled_from(list(contract.EXAMPLES)).flatmap(_inputs_of), _contract
        ),
        Boundary("arguments", _command_lines(), _arguments),
    ]
    if "feed" in COMMANDS:
        found.append(Boundary("files of feeds", st.one_of(*map(_of_feed, sorted(FEEDS.iterdir()))), _feed))
    if "corporate-actions" in COMMANDS:
        table = st.tuples(st.just(".csv"), files(ACTIONS_TABLE))
        found.append(Boundary("corporate actions", st.one_of(_document_files(ACTIONS), table), _actions))
    if "positions" in COMMANDS:
        found.append(Boundary("positions files", files(POSITIONS), _positions))
    if "model" in COMMANDS:
        weights = st.tuples(st.just(".csv"), files(WEIGHTS))
        found.append(Boundary("model signals", st.one_of(_document_files(SIGNAL), weights), _signal))
    return tuple(found)


def _of_feed(path: Path) -> st.SearchStrategy[tuple[str, bytes]]:
    return st.tuples(st.just(path.name), files(path.read_bytes()))


FORMS = st.sampled_from(("json", "jsonl", "table"))


def _with_ways(file: tuple[str, bytes], mode: str, form: str) -> tuple[str, bytes, str, str]:
    return (*file, mode, form)


def _document_files(*sound: Any) -> st.SearchStrategy[tuple[str, bytes]]:
    as_json = [as_bytes(each) for each in sound]
    return st.one_of(
        st.tuples(st.just(".json"), documents(*sound).map(as_bytes)), st.tuples(st.just(".json"), files(*as_json))
    )


def _command_lines() -> st.SearchStrategy[list[str]]:
    """A command, or something else, and words. Temporal is not there: what needs it says so."""
    names = st.one_of(st.sampled_from(list(COMMANDS)), st.sampled_from(list(COMMANDS)), WORDS)
    return st.builds(lambda name, words: [name, *words], names, st.lists(WORDS, max_size=6))
