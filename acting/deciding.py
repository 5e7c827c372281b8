"""One decision about one rebalance or request: sent, answered, and told as what happened (DECIDE-2)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from acting.updates import ALL_OF_IT, ANSWER, Reply, ask_again, running, send
from identity.person import Person
from reading import words
from reading.actions import do
from reading.refused import Changed, Conflict, Refused, Said, Unknown
from reading.temporal import Connect
from reading.work.choosing import NAMED, Item, Rebalance, list_of

DONE = {"approve": "approved", "cancel": "cancelled", "pause": "paused", "resume": "resumed"}
Json = dict[str, Any]
Line = tuple[Said, ...]
# About what, which workflow, what is decided, what is said of it, and how long it may take.
Tell = Callable[[Item, str, str, Json, timedelta], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `ended`: it was done, it was refused, or it was sent and nobody knows yet.

    `about` is its public form but for `answer`, which is words and actions. `done` says what was done, `troubles` what
    was not, or what else there is to know.
    """

    about: Json
    ended: Literal["done", "refused", "unanswered"]
    answer: Line | None = None
    done: str = ""
    troubles: Sequence[Line] = ()

    def as_json(self, say: Callable[[Line], str | None]) -> Json:
        """The public form; `say` says what to do as whoever asks is used to."""
        return {
            key: say(self.answer) if key == "answer" and self.answer else value for key, value in self.about.items()
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """`update` is what is done to the item, `person` does it."""

    update: str
    item: Item
    person: Person
    temporal: Connect
    tell: Tell | None = None  # how a workflow is told, where that is not by an update of ours

    async def send(self, said: Json) -> list[Outcome]:
        """Decides. Refused where there is nothing that could be decided about."""
        item, told = self.item, {"by": self.person.name} | said
        if item.workflow_id is not None and await running(self.temporal, item.workflow_id):
            return [self._of_request(await self._tell(item.workflow_id, told, ALL_OF_IT))]
        if not item.known:
            ids = do("history", told="see `{}` for the ids")
            raise Unknown(f"{item.id} is no rebalance and no request: ", ids)
        open_ones = [each for each in item.rebalances if each.ended is None]
        if not open_ones:
            states = ", ".join(f"{each.rebalance_id} ended {each.ended}" for each in item.rebalances[:NAMED])
            look = do("show", item.id, told="See `{}`")
            raise Conflict(f"nothing of {item.id} is pending: {states or 'it has no rebalances'}. ", look)
        if item.is_request and self.update == "approve":  # its workflow is gone: each plan of the list by itself
            return [await self._one(each, told | {"plan": each.plan}) for each in listed(item, told)]
        return [await self._one(each, told) for each in open_ones]

    async def ask_again(self, update_id: str) -> list[Outcome]:
        """What came of a decision that was sent before."""
        item = self.item
        workflow = item.workflow_id or item.rebalances[0].workflow_id
        reply = await ask_again(self.temporal, workflow, update_id)
        return [self._of_request(reply) if item.is_request else self._of(item.rebalances[0], reply)]

    async def _tell(self, workflow_id: str, said: Json, patience: timedelta) -> Reply:
        if self.tell is not None:
            return await self.tell(self.item, workflow_id, self.update, said, patience)
        return await send(self.temporal, workflow_id, self.update, said, patience)

    async def _one(self, each: Rebalance, said: Json) -> Outcome:
        meant = {"rebalance_id": each.rebalance_id, "round": each.round}
        try:
            return self._of(each, await self._tell(each.workflow_id, said | meant, ANSWER))
        except Refused as refused:
            return _refused(each, "refused", refused.said)

    def _of(self, each: Rebalance, reply: Reply) -> Outcome:
        if reply.answer is None:
            answer = self._unanswered(each.rebalance_id, reply)
            about = _about(each, "unanswered", ok=False) | {"update_id": reply.update_id}
            return Outcome(about, "unanswered", answer, troubles=[_line(each, answer)])
        outcome = reply.answer.get("outcome")
        if outcome in {None, "executing"}:
            at_open = f", sent at the open, {opens}" if (opens := reply.answer.get("opens_at")) else ""
            told = f"{DONE[self.update]} by {self.person.name}{': executing' if outcome else ''}{at_open}"
            about = _about(each, outcome or DONE[self.update], ok=True)
            return Outcome(about, "done", (told,), f"{each.rebalance_id}  {each.account_id}  {told}")
        again = ", and was planned again" if outcome == "void" else ""
        why = f"the approval is {outcome}{again}: {reply.answer['why']}. "
        return _refused(each, outcome, (why, do("show", each.rebalance_id, told="See it: {}")))

    def _of_request(self, reply: Reply) -> Outcome:
        id_, answer = self.item.id, reply.answer
        if answer is None:
            told = {"request_id": id_, "outcome": "unanswered", "update_id": reply.update_id}
            return Outcome(told, "unanswered", troubles=[(f"{id_}: ", *self._unanswered(id_, reply))])
        troubles: list[Line] = [(f"account {each['account_id']}: {each['reason']}",) for each in answer["refused"]]
        notes: list[Line] = [
            (f"{each} is a liquidation, and waits for an approval by its own name (DECIDE-1)",)
            for each in answer.get("liquidations", [])
        ]
        done = f"{id_}  {words.counted(answer['accounts'], 'account')} {DONE[self.update]} by {self.person.name}"
        ended: Literal["done", "refused"] = "refused" if troubles else "done"
        told = {"request_id": id_, **answer}
        return Outcome(told, ended, done=done if answer["accounts"] else "", troubles=troubles + notes)

    def _unanswered(self, id_: str, reply: Reply) -> Line:
        """That it was sent, how it is taken back, and how its answer is asked for."""
        back = do("cancel", id_, by=self.person.name, told="Take it back: {}. ")
        again = do(self.update, id_, again=reply.update_id, told="Ask again: {}")
        sent = f"sent, and not answered yet: {reply.why}. It may still take effect. "
        return (sent, back, again) if self.update == "approve" else (sent, again)


def listed(item: Item, said: Json) -> list[Rebalance]:
    """The plans of the list that was shown. Refused where it is not what is pending (DECIDE-1)."""
    from domain.approvals import is_shown

    about, current = [each for each in item.pending if not each.liquidation], list_of(item)
    if not about:
        raise Conflict(f"nothing of {item.id} but liquidations is pending: approve each by its own id")
    if not is_shown(said.get("plan") or "", current):
        not_shown = f"approval refused: it does not name the plans that are pending (DECIDE-1), as list {current}. "
        raise Changed(not_shown, do("show", item.id, told="Look at them: {}"), rule="DECIDE-1")
    return about


def _about(each: Rebalance, outcome: Any, ok: bool) -> Json:
    return {
        "rebalance_id": each.rebalance_id,
        "account_id": each.account_id,
        "ok": ok,
        "outcome": outcome,
        "answer": None,
    }


def _refused(each: Rebalance, outcome: Any, answer: Line) -> Outcome:
    return Outcome(_about(each, outcome, ok=False), "refused", answer, troubles=[_line(each, answer)])


def _line(each: Rebalance, answer: Line) -> Line:
    return (f"{each.rebalance_id}  {each.account_id}  ", *answer)


async def steer(update: str, item: Item, person: Person, temporal: Connect, tell: Tell | None = None) -> Reply:
    """Pauses a request, or lets it go on. Refused where it is none, or does not run."""
    workflow = item.workflow_id if item.is_request else None
    if workflow is None or not await running(temporal, workflow):
        no_request = f"{item.id} is a rebalance: only a request is {DONE[update]}"
        what = f"request {item.id} is not running" if workflow else no_request
        raise Conflict(f"{what}. ", do("show", item.id, told="See `{}`"))
    said = {"by": person.name}
    if tell is not None:
        return await tell(item, workflow, update, said, ANSWER)
    return await send(temporal, workflow, update, said)
