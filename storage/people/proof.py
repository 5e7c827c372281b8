"""What proves a decision: public keys, whether decisions have to be signed, those that were, and the lists shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from identity.claims import Claims, digest_of
from storage.record.audit import Audit
from storage.schema.people import decisions, identity_settings, shown_lists, shown_plans, signing_keys

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

Identity = Literal["asserted", "signed"]
IDENTITY = select(identity_settings.c.identity)


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan that somebody was shown: of which rebalance and round, and its SHA-256."""

    rebalance_id: str
    round: int
    plan: str


def list_digest(request_id: str, plans: Iterable[ShownPlan]) -> str:
    """The SHA-256 of a request's plans as they were shown, in their order: what an approval of them signs."""
    return digest_of([request_id, *([each.rebalance_id, each.round, each.plan] for each in plans)])


class Proof:
    """Keys, decisions and lists of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit
        self._identity: Identity | None = None  # as the transaction read it

    # --- the setting, and the keys: only who owns the tables changes them

    def identity(self) -> Identity:
        """Whether a decision is by a name that was typed, or has to be signed."""
        if self._identity is None:
            self._identity = self.connection.execute(IDENTITY).scalar_one()
        return self._identity

    def set_identity(self, identity: Identity) -> None:
        """Raises ProgrammingError for who does not own the tables."""
        before = self.identity()
        if before != identity:
            who = self.audit.actor.who
            self.connection.execute(update(identity_settings).values(identity=identity, set_by=who, set_at=func.now()))
            self._identity = identity
            self.audit.record("identity set", before={"identity": before}, after={"identity": identity})

    def keys(self, at: datetime | None = None) -> Mapping[str, "OKPKey"]:
        """The public keys by name: all that were not retired, and those retired after `at`, when it was signed."""
        from identity import keys

        retired = signing_keys.c.retired_at
        good = retired.is_(None) if at is None else retired.is_(None) | (retired >= at)
        found = self.connection.execute(select(signing_keys.c.kid, signing_keys.c.public_key).where(good))
        return {row.kid: keys.public(row.public_key) for row in found}

    def key_listing(self) -> Sequence[Row[Any]]:
        """Every key there ever was, oldest first; public parts."""
        return self.connection.execute(select(signing_keys).order_by(signing_keys.c.added_at)).all()

    def rotate(self, public_key: "OKPKey", why: str, now: datetime) -> None:
        """Makes a key the one that signs; those before are retired, by the clock that signs.

        Raises ProgrammingError as above.
        """
        from identity import keys

        who, kid = self.audit.actor.who, keys.name(public_key)
        self.connection.execute(
            update(signing_keys)
            .where(signing_keys.c.retired_at.is_(None), signing_keys.c.kid != kid)
            .values(retired_at=now, retired_why=why)
        )
        self.connection.execute(
            insert(signing_keys)
            .values(kid=kid, public_key=keys.public_text(public_key), added_at=now, added_by=who)
            .on_conflict_do_nothing()
        )
        self.audit.record("signing key rotated", after={"key": kid, "why": why})

    # --- decisions that were verified

    def decided(self, claims: Claims, envelope: str) -> bool:
        """Keeps a decision whose envelope was verified; False where another one has its id."""
        self.connection.execute(
            insert(decisions)
            .values(
                id=claims.jti,
                subject=claims.sub,
                act=claims.act,
                workflow_id=claims.about.workflow_id,
                plan=claims.about.plan,
                envelope=envelope,
            )
            .on_conflict_do_nothing()
        )
        kept = self.decision(claims.jti)
        return kept is not None and kept.envelope == envelope

    def decision(self, id_: str) -> Row[Any] | None:
        """A decision that was verified, by its id; None where there is none."""
        return self.connection.execute(select(decisions).where(decisions.c.id == id_)).one_or_none()

    # --- the plans that somebody was shown

    def show(self, request_id: str, plans: Sequence[ShownPlan], to: str) -> str:
        """Keeps a list of plans as somebody (a subject) sees it; its digest. Shown twice, it is kept once."""
        digest = list_digest(request_id, plans)
        made = self.connection.execute(
            insert(shown_lists)
            .values(digest=digest, request_id=request_id, shown_to=to)
            .on_conflict_do_nothing()
            .returning(shown_lists.c.digest)
        ).scalar_one_or_none()
        if made is not None and plans:
            rows = [
                {
                    "digest": digest,
                    "position": place,
                    "rebalance_id": each.rebalance_id,
                    "round": each.round,
                    "plan": each.plan,
                }
                for place, each in enumerate(plans)
            ]
            self.connection.execute(insert(shown_plans), rows)
        return digest

    def shown(self, request_id: str, digest: str) -> Sequence[ShownPlan] | None:
        """The plans of a list that was shown; None where there is none, or it is not what its digest says."""
        found = self.connection.scalar(select(shown_lists.c.request_id).where(shown_lists.c.digest == digest))
        if found != request_id:
            return None
        rows = self.connection.execute(
            select(shown_plans).where(shown_plans.c.digest == digest).order_by(shown_plans.c.position)
        )
        plans = [ShownPlan(row.rebalance_id, row.round, row.plan) for row in rows]
        return plans if list_digest(request_id, plans) == digest else None

    def was_shown(self, digest: str, request_id: str, plan: ShownPlan) -> bool:
        """True where a list of the request that was shown, unchanged, has this plan."""
        plans = self.shown(request_id, digest)
        return plans is not None and plan in plans
