"""What pages make happen in Temporal: a request is started, a workflow is told what somebody decided.

What is sent has an id of its own (DECIDE-2). A workflow that nobody takes up is no refusal, and is told apart from one.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from acting import evaluate, submit, updates
from acting.updates import Reply
from identity.claims import About, input_digest
from web.console import Console
from workflows.contract import request_workflow_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acting.proving import Sign
    from identity.person import Person
    from identity.roles import Act

ANSWER = timedelta(seconds=12)  # how long a worker may take to take it up; a browser does not wait for ever

Json = dict[str, Any]


def _signed(console: Console, person: "Person", act: "Act", about: "About", id_: str, passkey: Any = None) -> Json:
    """The envelope of what somebody decides, where decisions are signed; else nothing."""
    if console.key is None:
        return {}
    from dataclasses import replace

    from identity.claims import made
    from identity.envelope import seal

    claims = made(person.subject, person.name, person.how, act, about, id_, console.clock.now())
    return {"signed": seal(replace(claims, passkey=passkey), console.key)}


def signer(console: Console, person: "Person") -> "Sign | None":
    """What signs a person's decisions about the books; None where names are asserted."""
    if console.key is None:
        return None

    def sign(act: "Act", about: About, id_: str) -> str:
        signed: str = _signed(console, person, act, about, id_)["signed"]
        return signed

    return sign


def start_request(
    console: Console, person: "Person", wanted: submit.Wanted, request_id: str | None = None
) -> submit.Submitted:
    """Starts a rebalance request of what is wanted. It is in the books a moment later.

    `request_id` is made of the idempotency key of who asks, where they gave one: started twice, it is started once.
    """

    def sign(asked: Json) -> Json:
        about = About(request_workflow_id(asked["request_id"]), plan=input_digest(asked))
        return _signed(console, person, "submit", about, asked["request_id"])

    today, client = console.clock.today(), console.temporal.client
    asked = submit.submit(
        console.books, client, person, wanted, today, request_id=request_id, sign=sign, patience=ANSWER
    )
    return console.temporal.run(asked)


def start_evaluation(console: Console) -> None:
    """Starts the daily evaluation now. Raises Conflict where one runs."""
    console.temporal.run(evaluate.begin(console.temporal.client, patience=ANSWER))


def tell(
    console: Console,
    person: "Person",
    workflow_id: str,
    update: "Act",
    said: Json,
    passkey: "Mapping[str, str] | None" = None,
    id_: str | None = None,
) -> Reply:
    """Tells a workflow. Raises Conflict with its reason where it refuses, or is not there any more.

    `id_` is the idempotency key of who asks, where they gave one: told twice under it, it is told once.
    """
    update_id = id_ or updates.fresh_id(update)
    about = About(workflow_id, said.get("rebalance_id"), said.get("round"), said.get("plan"))
    said = said | _signed(console, person, update, about, update_id, passkey)
    sent = updates.send(
        console.temporal.client, workflow_id, update, said, ANSWER, update_id=update_id, taken_up=ANSWER
    )
    return console.temporal.run(sent)


def told_before(console: Console, workflow_id: str, id_: str, run_id: str | None = None) -> Reply | None:
    """What came of what a workflow was told under an id before; None where it knows nothing of it.

    Raises Conflict with its reason where it refused.
    """
    asked = updates.ask_again(console.temporal.client, workflow_id, id_, run_id=run_id, patience=ANSWER)
    try:
        return console.temporal.run(asked)
    except updates.NotThere:
        return None


def running(console: Console, workflow_ids: list[str]) -> set[str]:
    """Those of the workflows that run."""
    return console.temporal.ask(lambda _: submit.runs(console.temporal.client, workflow_ids, ANSWER))
