"""How values travel between the domain and PostgreSQL: exact, and the same after the way there and back."""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam, func, literal

from domain.values.snapshot import BandGiven, Lot
from storage.schema.tables import MONEY


def exact(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A number as it was written, without the zeros that the column's scale adds: 10, not 10.000000000000."""
    return func.trim_scale(column, type_=MONEY)


def moment_of(said: str) -> datetime:
    """A moment from ISO 8601 with its offset. Raises ValueError."""
    found = datetime.fromisoformat(said)
    if found.tzinfo is None:
        raise ValueError(f"{said} has no offset")
    return found


def cursor(*place: str) -> str:
    """A place in a list as it travels, opaque to who carries it."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def by_key(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Orders texts by their bytes, as Python does, whatever the database's language is."""
    return column.collate("C")


def among(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """True where the column is one of the values, of which there may be any number."""
    return column == any_(literal(list(values), ARRAY(Text)))


def among_given(column: ColumnElement[Any], name: str = "keys") -> ColumnElement[bool]:
    """The same of a statement that is made once: the values are its parameter of that name, a list."""
    return column == any_(bindparam(name, type_=ARRAY(Text)))


def band_as_json(band: BandGiven | None) -> dict[str, str] | None:
    """A band as a target states it."""
    if band is None:
        return None
    given = {"relative": band.relative, "lower": band.lower, "upper": band.upper}
    return {key: str(value) for key, value in given.items() if value is not None}


def band_from_json(raw: Mapping[str, str] | None) -> BandGiven | None:
    """The same band again."""
    return None if raw is None else BandGiven(**{key: Decimal(value) for key, value in raw.items()})


def lots_as_json(lots: Iterable[Lot]) -> str:
    """Lots as one text, exactly."""
    return json.dumps(
        [
            [
                str(each.quantity),
                None if each.cost_per_share is None else str(each.cost_per_share),
                None if each.acquired is None else str(each.acquired),
            ]
            for each in lots
        ]
    )


def lots_from_json(raw: str) -> tuple[Lot, ...]:
    """The same lots again."""
    return tuple(
        Lot(
            Decimal(quantity),
            None if cost is None else Decimal(cost),
            None if acquired is None else date.fromisoformat(acquired),
        )
        for quantity, cost, acquired in json.loads(raw)
    )
