"""What a validator sees of an envelope: its shape, whether it means this decision, and whether it is good now.

Not whether it is true: that is verified in a step (`storage/proving.py`). Validators don't run at replay, so keys
may rotate; and cryptography in a workflow's thread takes the whole worker down.
"""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.approvals import is_shown, same_person
    from identity.claims import About, Claims, NotAnEnvelope, flaw, read
    from identity.roles import Act


def refusal(signed: str, by: str, act: Act, about: About, now: datetime | None, plan: str | None = None) -> str | None:
    """Why an envelope can't be this decision of this person now; None where it can.

    `plan` is what was named with it. Without `now` its time is left to the step that verifies it.
    """
    try:
        claims = read(signed)
    except NotAnEnvelope as wrong:
        return f"its envelope can't be read: {wrong}"
    update = workflow.current_update_info()
    wrong_meaning = flaw(claims, act, about, now, update.id if update else None)
    return wrong_meaning or _of_another(claims, by, plan)


def told_refusal(signed: str, by: str, act: Act, request_workflow: str) -> str | None:
    """The same of a decision about the whole request, which an account is told later, under an id of its own."""
    try:
        claims = read(signed)
    except NotAnEnvelope as wrong:
        return f"its envelope can't be read: {wrong}"
    if claims.act != act or claims.about.workflow_id != request_workflow:
        return f"it is signed for {claims.act} of {claims.about.workflow_id}"
    return _of_another(claims, by, None)


def is_about(signed: str, workflow_id: str) -> bool:
    """True where an envelope says that it is about a workflow."""
    try:
        return read(signed).about.workflow_id == workflow_id
    except NotAnEnvelope:
        return False


def _of_another(claims: Claims, by: str, plan: str | None) -> str | None:
    if not same_person(claims.name, by):
        return f"it is signed by {claims.name}, not by {by}"
    if plan is not None and not is_shown(plan, claims.about.plan or ""):
        return f"it is signed for another plan: {claims.about.plan}, not {plan}"
    return None
