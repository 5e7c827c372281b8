"""Signed decisions for tests of workflows: people, a console's key, and envelopes, true and forged."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey
from sqlalchemy import Engine, text
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from identity import keys
from identity.claims import About, Claims, decision_digest, input_digest, made
from identity.envelope import seal
from identity.passkeys import Site, asking, evidence, registered, registration
from identity.person import Person
from storage.actor import Actor
from storage.connection import Books
from storage.people.proof import ShownPlan
from tests.identity.authenticator import Device
from tests.workflows.desk import TestDesk
from tests.workflows.requests_desk import Handle
from workflows.contract import TASK_QUEUE, rebalance_workflow_id, request_workflow_id

SITE = Site("localhost", "http://localhost:8234")
_numbers = itertools.count(1)


@dataclass
class Console:
    """What the console is to workflows: whoever signs in there, its key signs what they decide."""

    desk: TestDesk
    owner: Engine
    key: OKPKey = field(default_factory=keys.fresh)
    people: dict[str, Person] = field(default_factory=dict)

    def opens(self) -> "Console":
        """From now on decisions have to be signed; ann asks, ben and bea approve, ada administers."""
        with Books(self.owner).transaction(Actor("deploy")) as work:
            work.proof.rotate(self.key, "the first", self.now())
            work.proof.set_identity("signed")
        for name, roles in {"ann": "operator", "ben": "approver", "bea": "approver operator", "ada": "admin"}.items():
            self.add(name, *roles.split())
        return self

    def add(self, name: str, *roles: str) -> Person:
        with self.desk.books.transaction(Actor("deploy")) as work:
            subject = work.people.add(name, roles)
            person = work.people.person(subject, "password")
        assert person is not None
        self.people[name] = person
        return person

    def now(self) -> datetime:
        return self.desk.clock.now()

    def claims(self, who: str, act: str, about: About, ago: timedelta = timedelta(), id_: str = "") -> Claims:
        person = self.people[who]
        id_ = id_ or f"decision-{next(_numbers)}"
        return made(person.subject, person.name, person.how, act, about, id_, self.now() - ago)

    def sign(self, claims: Claims, key: OKPKey | None = None) -> str:
        return seal(claims, key or self.key)

    def about(self, progress: dict[str, Any]) -> About:
        """The plan that a rebalance shows."""
        of = rebalance_workflow_id(progress["account_id"])
        return About(of, progress["rebalance_id"], progress["round"], progress["plan"])

    async def request(self, *account_ids: str, by: str = "ann", id_: str = "Q-1", **given: Any) -> Handle:
        """A request that somebody signed for."""
        said = {"request_id": id_, "requested_by": by, "account_ids": list(account_ids), **given}
        about = About(request_workflow_id(id_), plan=input_digest(said))
        return await self.started(said | {"signed": self.sign(self.claims(by, "submit", about))})

    async def started(self, said: dict[str, Any]) -> Handle:
        id_ = request_workflow_id(said["request_id"])
        return await self.desk.client.start_workflow("RebalanceRequest", said, id=id_, task_queue=TASK_QUEUE)

    async def waiting(self, account_id: str = "A-1") -> tuple[Handle, dict[str, Any]]:
        """The workflow of an account that ann asked for, once it waits for an approval."""
        await self.request(account_id, id_=f"Q-of-{account_id}")
        handle = self.desk.client.get_workflow_handle(rebalance_workflow_id(account_id))
        while not await _runs(handle):  # one of an earlier test may have ended under this id
            await asyncio.sleep(0.1)
        return handle, await self.desk.pending(handle)

    async def send(self, handle: Handle, update: str, claims: Claims, key: OKPKey | None = None, **said: Any) -> Any:
        """Sends a decision as the console does: its update's id is the envelope's."""
        given = {"by": claims.name, "signed": self.sign(claims, key), **said}
        if update == "approve":
            given = {"plan": claims.about.plan, **given}
        return await handle.execute_update(update, given, id=claims.jti)

    async def approve(self, handle: Handle, progress: dict[str, Any], by: str = "ben") -> Any:
        return await self.send(handle, "approve", self.claims(by, "approve", self.about(progress)))

    def shown(self, request_id: str, who: str = "ben") -> str:
        """Keeps the list of what waits in a request as somebody sees it; its digest."""
        with self.desk.books.transaction(Actor(who)) as work:
            waiting = work.requests.pending(request_id)
            plans = [ShownPlan(str(each.rebalance_id), each.round or 0, str(each.plan)) for each in waiting]
            return work.proof.show(request_id, plans, self.people[who].subject)

    def device(self, who: str) -> Device:
        """A passkey of somebody's."""
        device, challenge = Device(SITE), b"x" * 32
        answer = device.register(registration(SITE, self.people[who].subject, who, challenge))
        with self.desk.books.transaction(Actor(who)) as work:
            work.passkeys.add(self.people[who].subject, "test", registered(SITE, challenge, answer))
        return device

    def vouched(self, claims: Claims, device: Device) -> Claims:
        """The decision with what the device says of it."""
        digest = decision_digest(claims.sub, claims.act, claims.about)
        return replace(claims, passkey=evidence(device.answer(asking(SITE, bytes.fromhex(digest)))))

    def tampered(self, rebalance_id: str) -> None:
        """Somebody who owns the tables changes the plan that is kept behind its digest."""
        with self.owner.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(
                text(
                    "UPDATE documents SET content = replace(content::text, 'sell', 'sell ')::json"
                    " WHERE digest = (SELECT plan_digest FROM rebalances WHERE id = :id)"
                ),
                {"id": rebalance_id},
            )

    def recorded(self, action: str) -> list[dict[str, Any]]:
        """What the record has of an action: who, and after."""
        with self.desk.books.transaction() as work:
            found = work.execute(
                text("SELECT who, after FROM audit_records WHERE action = :action ORDER BY id"), {"action": action}
            )
            return [{"who": row.who, **row.after} for row in found]


async def _runs(handle: Handle) -> bool:
    try:
        return (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    except RPCError:
        return False
