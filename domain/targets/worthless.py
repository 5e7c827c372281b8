"""Worthless securities: held at nothing, never traded, never in the way (CHECK-1).

A delisted share that nobody can sell stays in an account for years. Asked before an account is planned or evaluated.
"""

from collections.abc import Mapping
from dataclasses import replace

from domain.values.memo import remembered
from domain.values.snapshot import Security, Sleeve, Snapshot


@remembered
def worthless_of(securities: Mapping[str, Security]) -> frozenset[str]:
    """The symbols of what is worthless."""
    return frozenset(symbol for symbol, each in securities.items() if each.worthless)


def set_aside(snapshot: Snapshot) -> Snapshot:
    """The snapshot with every worthless holding among the protected ones, where no rule looks at it."""
    symbols, account = worthless_of(snapshot.securities), snapshot.account
    if not symbols:
        return snapshot
    aside = tuple(each for sleeve in account.sleeves for each in sleeve.holdings if each.symbol in symbols)
    if not aside:
        return snapshot

    def without(sleeve: Sleeve) -> Sleeve:
        return replace(sleeve, holdings=tuple(each for each in sleeve.holdings if each.symbol not in symbols))

    return replace(
        snapshot,
        account=replace(
            account,
            managed=without(account.managed),
            model_sleeves=tuple(map(without, account.model_sleeves)),
            protected=account.protected + aside,
        ),
    )
