"""What an account is worth: holdings, sleeves and cash at the snapshot's prices, exactly.

Managed value is all holdings and cash, less protected holdings, less cash reserved for pending withdrawals.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.targets import cash_needs
from domain.values.money import EXACT, ZERO
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.snapshot import Holding, Sleeve, Snapshot


@record
class Valuation:
    """Amounts in the account's currency, not rounded."""

    managed_value: Decimal
    cash: Decimal  # of the managed sleeve, less what withdrawals reserve: the cash component's value
    reserved: Decimal
    sleeve_values: Mapping[str, Decimal]  # by sleeve key; the managed sleeve's includes its cash, reserve and all
    holding_values: Mapping[str, Mapping[str, Decimal]]  # by sleeve key, then symbol
    sleeve_cash: Mapping[str, Decimal]  # by sleeve key
    holdings: Mapping[str, Mapping[str, Holding]]  # by sleeve key, then symbol

    def share(self, amount: Decimal) -> Decimal:
        """An amount as a share of managed value; of an account that has none everything is 0 of it."""
        return EXACT.divide(amount, self.managed_value) if self.managed_value > 0 else ZERO


def value(snapshot: Snapshot, policy: Policy) -> Valuation:
    """Values every sleeve. Needs a price for every symbol held in one (CHECK-1)."""
    prices, sleeves = snapshot.prices, snapshot.account.sleeves
    holdings = {sleeve.key: {each.symbol: each for each in sleeve.holdings} for sleeve in sleeves}
    holding_values = {
        key: {symbol: each.quantity * prices[symbol] for symbol, each in here.items()} for key, here in holdings.items()
    }
    sleeve_values = {sleeve.key: sleeve.cash + sum(holding_values[sleeve.key].values(), ZERO) for sleeve in sleeves}
    reserved = cash_needs.reserved(snapshot, policy)
    return Valuation(
        managed_value=sum(sleeve_values.values(), ZERO) - reserved,
        cash=snapshot.account.managed.cash - reserved,
        reserved=reserved,
        sleeve_values=sleeve_values,
        holding_values=holding_values,
        sleeve_cash={sleeve.key: sleeve.cash for sleeve in sleeves},
        holdings=holdings,
    )


def held_symbols(sleeves: tuple[Sleeve, ...]) -> set[str]:
    """The symbols that the sleeves hold."""
    return {holding.symbol for sleeve in sleeves for holding in sleeve.holdings}
