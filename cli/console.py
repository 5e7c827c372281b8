"""The console as commands ask it, where decisions are signed: it holds the key, and this process never does.

Its answers are what a workflow would have said, so that a command says the same whoever carried the decision.
"""

import os
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from acting.submit import Submitted, Wanted
from acting.updates import ALL_OF_IT, Reply
from cli import connections
from cli.logins import Login
from identity.claims import About
from reading.actions import do
from reading.refused import Changed, Conflict, Refused, Unknown, Unreachable
from reading.work.choosing import Item

Json = dict[str, Any]
ORIGIN = "REBALANCER_CONSOLE_ORIGIN"  # what people type
ADDRESS = "REBALANCER_CONSOLE_ADDRESS"  # where commands reach the same console, if not there
PATIENCE = 40.0  # seconds; the console itself waits less long for a worker
KINDS = {404: Unknown, 409: Conflict, 412: Changed, 503: Unreachable}


def address(given: str | None = None) -> str:
    """Where the console is: as given, as the environment has it, the embedded stack's, or on this machine."""
    named = given or os.environ.get(ADDRESS) or os.environ.get(ORIGIN)
    running = None if named else connections.stack()
    return (named or (running and running.console_url) or "http://localhost:8234").rstrip("/")


class Console:
    """The API of a console, called as somebody, or as nobody to sign in."""

    def __init__(self, address: str, secret: str | None = None) -> None:
        self.address = address
        origin = (os.environ.get(ORIGIN) if address == os.environ.get(ADDRESS) else None) or address
        self._headers = {"Origin": origin, "Host": urlsplit(origin).netloc} | (
            {"Authorization": f"Bearer {secret}"} if secret else {}
        )

    @classmethod
    def of(cls, login: Login) -> "Console":
        """The console at which somebody signed in."""
        return cls(login.console, login.secret)

    def call(self, method: str, path: str, body: Json | None = None, match: str | None = None) -> Json:
        """What it answers. Refused with the problem that it answers, Unreachable where it does not."""
        import httpx

        headers = self._headers | ({} if method == "GET" else {"Idempotency-Key": secrets.token_hex(16)})
        headers |= {"If-Match": match} if match else {}
        try:
            with httpx.Client(base_url=f"{self.address}/api/v1", timeout=PATIENCE) as client:
                answer = client.request(method, path, json=body, headers=headers)
            told = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as flaw:
            why = f"the console does not answer at {self.address} ({flaw}). "
            raise Unreachable(why, do("status", told="See `{}`")) from flaw
        if answer.is_success and isinstance(told, dict):
            return told
        raise _refused(answer.status_code, told)

    # --- what people decide

    def sign(self, act: str, about: About, id_: str) -> str:
        """The envelope of a decision about the books, which this command carries out itself."""
        signed: str = self.call("POST", "/envelopes", {"act": act, "digest": about.plan, "id": id_})["signed"]
        return signed

    def submit(self, wanted: Wanted) -> Submitted:
        """Starts a request."""
        given = {key: value for key, value in wanted.terms.items() if value not in (None, [])}
        if wanted.failed_of:
            given["failed_of"] = wanted.failed_of
        elif wanted.queue:
            given["reasons"] = list(wanted.reasons)
        else:
            given["account_ids"] = list(dict.fromkeys(wanted.accounts))
        told = self.call("POST", "/requests", given)
        return Submitted(told["id"], told["account_ids"], told["busy"], given.get("approval"))

    async def tell(
        self, item: Item, workflow_id: str, update: str, said: Json, patience: timedelta = ALL_OF_IT
    ) -> Reply:
        """A decision about a request, or about the rebalance that `said` names, and what came of it."""
        if said.get("unseen"):
            raise Refused("an approval that is signed is of a plan that was shown (DECIDE-1): --unseen goes only where "
                          "names are asserted", rule="DECIDE-1")  # fmt: skip
        if "rebalance_id" in said:
            return self._of_rebalance(item, update, said)
        if update in {"pause", "resume"}:
            state = {"state": "PAUSED" if update == "pause" else "RUNNING"}
            return _reply(self.call("PUT", f"/requests/{item.id}/state", state), state)
        return self._of_request(item, update, said)

    def _of_request(self, item: Item, update: str, said: Json) -> Reply:
        from acting.deciding import listed

        asked: Json = _asked(update, said)
        if update == "approve":
            asked["plans"] = [{"rebalance_id": each.rebalance_id, "plan": each.plan} for each in listed(item, said)]
        told = self.call("POST", f"/requests/{item.id}/decisions", asked, match="*")  # what stands of the list in it
        account = {each.rebalance_id: each.account_id for each in item.rebalances}
        again = [{"account_id": account.get(each, each), "reason": f"{each} was planned again, and waits"}
                 for each in told["left_out"]]  # fmt: skip
        answer = {"accounts": told["accounts"], "refused": told["refused"] + again}
        if update == "approve":
            answer["liquidations"] = [each.rebalance_id for each in item.pending if each.liquidation]
        return _reply(told, answer)

    def _of_rebalance(self, item: Item, update: str, said: Json) -> Reply:
        from domain.approvals import DECIDE_1, is_shown

        each = next(each for each in item.rebalances if each.rebalance_id == said["rebalance_id"])
        if update == "approve" and not is_shown(said.get("plan") or "", each.plan or ""):
            raise Changed(f"approval refused: it does not name the plan that is pending ({DECIDE_1.code}), "
                          f"round {each.round}, plan {(each.plan or '')[:8]}", rule=DECIDE_1.code)  # fmt: skip
        where = f"/rebalances/{each.rebalance_id}/decisions"
        told = self.call("POST", where, _asked(update, said), match=f'"{each.plan}"' if each.plan else "*")
        opens = {"opens_at": told["opens_at"]} if told["opens_at"] else {}
        return _reply(told, ({"outcome": "executing"} if update == "approve" else {}) | opens)


def _reply(told: Json, answer: Json) -> Reply:
    unanswered = told["outcome"] == "unanswered"
    return Reply(told["id"], None if unanswered else answer, told["why"] or "")


def _asked(update: str, said: Json) -> Json:
    return {"decision": update} | ({"reason": said["reason"]} if said.get("reason") else {})


def _refused(status: int, told: Any) -> Refused:
    """The problem as what it is here. 401: the login has ended."""
    detail = str(told.get("detail") if isinstance(told, dict) else told).rstrip(".")
    if status == 401:
        return Refused(f"{detail}. ", do("login", "NAME", told="Sign in again: {}"))
    rule = told.get("rule") if isinstance(told, dict) else None
    return KINDS.get(status, Refused)(detail, rule=rule)
