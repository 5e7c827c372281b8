"""Which venues and custodians this installation has, and on what terms."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, Engine

from policy.clock import Clock, the_clock
from venues.fix import sessions
from venues.fix.adapter import FixVenue
from venues.pacing import PacedVenue
from venues.paper import PAPER, PaperVenue
from venues.port import BlockVenue, Custodian, UnknownVenue
from venues.terms import Terms, terms_of


class Venues:
    """The venues and custodians that this installation has, by the custodian's name.

    Where a FIX session is set up for a custodian, its accounts trade through that. Raises SessionRefused.
    """

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        paper = PaperVenue(engine, clock or the_clock())
        self.engine = engine
        self.sessions = sessions.configured()
        by_fix = {each.venue: FixVenue(engine, each) for each in self.sessions.values()}  # its gateway keeps the rate
        self._venues: Mapping[str, BlockVenue] = {PAPER: PacedVenue(paper, PAPER, engine), **by_fix}
        self._custodians: Mapping[str, Custodian] = {PAPER: paper}

    @property
    def names(self) -> tuple[str, ...]:
        """The custodians that can be traded with."""
        return tuple(self._venues)

    def venue(self, custodian: str) -> BlockVenue:
        """Where the accounts of a custodian trade. Raises UnknownVenue."""
        if custodian not in self._venues:
            raise UnknownVenue(f"no venue is set up for custodian {custodian}: there is {', '.join(self._venues)}")
        return self._venues[custodian]

    def terms(self, custodian: str, within: Connection | None = None) -> Terms:
        """What a venue may be asked now; `within` is a transaction that is open. Raises UnknownVenue."""
        self.venue(custodian)
        if within is None:
            with self.engine.connect() as connection:
                return self.terms(custodian, connection)
        found = terms_of(within, custodian)
        if found.blocks is not None and self.unable_to_block(custodian) is not None:
            return replace(found, blocks=None)  # its rules were changed since
        return found

    def unable_to_block(self, custodian: str) -> str | None:
        """Why no blocks can go to a venue, in a sentence with the next action; None where they can."""
        for each in self.sessions.values():
            if each.venue == custodian and not each.rules.takes_allocations:
                return (
                    f"orders of {custodian} can't go in blocks: by its rules of engagement FIX session {each.session} "
                    "takes no allocations (35=J), so it would not know whose the shares are. Leave --blocks off; if "
                    f"the broker does take them, say rules: {{takes_allocations: true}} in {each.session}.yaml"
                )
        return None

    def states(self, custodian: str) -> bool:
        """True where a custodian can be asked for its figures; of the others statements come (RECON-1)."""
        return custodian in self._custodians

    def custodian(self, custodian: str) -> Custodian:
        """Whose figures the books are compared with. Raises UnknownVenue."""
        if custodian not in self._custodians:
            raise UnknownVenue(f"custodian {custodian} can't be asked: load its statement")
        return self._custodians[custodian]
