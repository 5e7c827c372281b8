"""The shapes of files that are known, and what a file gives by one of them, in their public form."""

from datetime import date
from typing import TYPE_CHECKING, Any

from reading.refused import Refused

if TYPE_CHECKING:
    from domain.books.deliveries import Problems
    from feeds.catalogue import Chosen
    from feeds.reading import FeedReading, Names

Json = dict[str, Any]


def known(today: date) -> list[Json]:
    """The feeds of a day, shipped ones and the firm's own. Refused where a file of theirs has a flaw."""
    from feeds.catalogue import FeedRefused, feeds

    try:
        return [
            {
                "feed": each.name,
                "gives": each.gives,
                "format": each.format,
                "files": each.files,
                "says": each.says,
                "since": str(version.since),
                "because": version.because,
            }
            for each in feeds().values()
            for version in each.on(today)[:1]
        ]
    except FeedRefused as flaw:
        raise Refused(str(flaw)) from flaw


def as_json(chosen: "Chosen", reading: "FeedReading", problems: "Problems") -> Json:
    """What a file gives: names are as the file has them."""
    from domain.values.money import plain

    return {
        "feed": chosen.feed.name,
        "since": str(chosen.version.since),
        "gives": chosen.feed.gives,
        "as_of": reading.as_of,
        "positions": [
            {
                "line": each.line,
                "account": each.account,
                "names": _names(each.names),
                "cash": not each.names,
                "quantity": plain(each.quantity),
                "lots": [
                    {
                        "quantity": plain(lot.quantity),
                        "cost_per_share": None if lot.cost_per_share is None else plain(lot.cost_per_share),
                        "acquired": None if lot.acquired is None else str(lot.acquired),
                    }
                    for lot in each.lots
                ],
                "stop": each.stop,
            }
            for each in reading.positions
        ],
        "prices": [
            {"line": each.line, "names": _names(each.names), "date": each.day, "close": each.close}
            for each in reading.prices
        ],
        "weights": [
            {"line": each.line, "names": _names(each.names), "cash": not each.names, "weight": plain(each.weight)}
            for each in reading.weights
        ],
        "notes": reading.notes,
        "unknown_columns": list(reading.unknown_columns),
        "problems": [str(each) for each in problems.shown],
    }


def _names(names: "Names") -> list[Json]:
    return [{"scheme": scheme, "value": value} for scheme, value in names]
