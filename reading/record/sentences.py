"""What audit records and plans say, in words: a sentence and, where there is more, its particulars, for an auditor."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from identity.person import IN_WORDS
from reading.words import amount, counted, share
from storage.record.audit import SIGNED_IN

Json = Mapping[str, Any]


def sentence(action: str, who: str, before: Any, after: Any) -> str:
    """What a record says; an action that has no words of its own is told with its values.

    Where it is proven who said so, with who that is, how they signed in, and by which key it was signed.
    """
    if not isinstance(after, Mapping) or SIGNED_IN not in after:
        return _said(action, who, before, after)
    rest = {name: each for name, each in after.items() if name != SIGNED_IN}
    return f"{_said(action, who, before, rest or None)}. {_proven(who, after[SIGNED_IN])}"


def _proven(who: str, given: Json) -> str:
    key = f", signed by key {given['key'][:12]}…" if given.get("key") else ""
    vouched = f", and vouched for it by passkey {given['passkey'][:12]}…" if given.get("passkey") else ""
    return f"{who} had signed in {IN_WORDS.get(given['how'], given['how'])} as {given['subject']}{key}{vouched}"


def _not_proven(who: str, given: Json) -> str:
    claimed = given["claimed"]
    name = claimed.get("name") or claimed.get("by")
    subject = f" ({claimed['subject']})" if claimed.get("subject") else ""
    return f"Somebody claimed to be {name}{subject}, which was not proven: {given['reason']}. Nothing was done for it"


def _said(action: str, who: str, before: Any, after: Any) -> str:
    given = after if isinstance(after, Mapping) else {}
    words = SENTENCES.get(action)
    if words is not None and (given or action == "left the queue"):
        return words(who, given)
    if action.endswith(" refused") and "reason" in given:
        return f"{who} was refused: {given['reason']} (given: {given.get('given') or given.get('command')})"
    if action.startswith("order ") and "client_order_id" in given:
        return _order(action, given)
    told = "; ".join(each for each in (_values(before, "before "), _values(after, "")) if each)
    return f"{action}: {told}" if told else action


def _started(who: str, given: Json) -> str:
    request = f", request {given['request_id']}" if given.get("request_id") else ""
    kind = given.get("kind", "full").replace("_", " ")
    asked = f"{given['requested_by']} asked for a {kind} rebalance, mode {given['mode']}{request}"
    return asked if given["requested_by"] == who else f"{asked} ({who} started it)"


def _checked(who: str, given: Json) -> str:
    target = f"target {given['target']} version {given['target_version']}" if given.get("target") else "no target"
    queued = f"; in the queue for {', '.join(given['queue_reasons'])}" if given.get("queue_reasons") else ""
    if given.get("issue"):
        return f"Seen as of {given['as_of']}: {target}{queued}. Refused: {given['issue']}"
    worth = f"managed value {amount(given['managed_value'])}, " if given.get("managed_value") else ""
    again = f"Round {given['round']}. " if given.get("round", 1) > 1 else ""
    return f"{again}Seen as of {given['as_of']}: {worth}{target}{queued}"


def _sleeves(who: str, given: Json) -> str:
    return f"Model sleeves: {', '.join(f'{model} {state}' for model, state in given.items())}"


def _minimums(who: str, given: Json) -> str:
    accepted, rejected = given.get("accepted", []), given.get("rejected", [])
    told = [f"{', '.join(accepted)} may open"] if accepted else []
    told += [
        f"{each['component']} may not (its share {amount(each['proposed'])}, the minimum {amount(each['minimum'])}; "
        f"the account would need {amount(each['account_needed'])})"
        for each in rejected
    ]
    return f"Investment minimums: {'; '.join(map(str, told)) or 'no model opens'}"


def _trades(who: str, given: Json) -> str:
    planned = (
        f"Planned: {counted(given['sells'], 'sell')} for {amount(given['sold'])}, {counted(given['buys'], 'buy')} for "
        f"{amount(given['bought'])}, {counted(given['transfers'], 'transfer')}, {given['skipped']} skipped; expected "
        f"{given['expected_status']}"
    )
    waits = given["sells"] or given["buys"] or given["transfers"]
    return f"{planned}. May be approved until {_at(given['expires_at'])}" if waits else planned


def _months(who: str, given: Json) -> str:
    return f"What evaluations noted went with its months, as policy says: {', '.join(given['partitions'])}"


def _mended(who: str, given: Json) -> str:
    return f"What was kept under {given['document'][:12]}… was another text, changed past the guard; it is itself again"


def _kept(who: str, given: Json) -> str:
    return (
        f"Round {given['round']} kept, decided by rules {given['rules_version']}: snapshot {_hash(given['snapshot'])}, "
        f"policy {_hash(given['policy'])}, plan {_hash(given['plan'])}"
    )


def _approved(who: str, given: Json) -> str:
    orders = f"{given['orders']} orders written down, each under an id of its own"
    unseen = ", which nobody had looked at" if given.get("unseen") else ""
    plan = f"; round {given['round']}, plan {_hash(given['plan'])}{unseen}" if given.get("plan") else ""
    return f"{given['approved_by']} approved; {orders}{plan}"


def _void(who: str, given: Json) -> str:
    changed = ", ".join(given["changed"])
    return f"The approval of {given['approved_by']} is void: the account changed since the plan ({changed})"


def _submitted(who: str, given: Json) -> str:
    ended = ", ".join(f"{count} {status}" for status, count in given["statuses"].items()) or "none"
    return f"Every order has its last word: {ended}"


def _resized(who: str, given: Json) -> str:
    smaller = ", ".join(f"{symbol} to {quantity}" for symbol, quantity in given.items())
    return f"Buys made smaller, as the sells brought less: {smaller}"


def _break(who: str, given: Json) -> str:
    what = given["symbol"] or "cash"
    return f"The custodian has {given['actual']} of {what}, the books {given['expected']}: a break is open"


def _resolved(who: str, given: Json) -> str:
    booked = ", the custodian's figure booked" if given.get("booked") else ""
    return f"{who} resolved break {given['break_id']}{booked}: {given['note']}"


def _ended(who: str, given: Json) -> str:
    return f"Ended {given['status']}" + (f": {given['issue']}" if given.get("issue") else "")


def _archived(who: str, given: Json) -> str:
    run = f"run {given['run_id']}, {given['status']}, {given['events']} events"
    return f"Its workflow's history archived: {run}, {_hash(given['sha256'])}"


def _left(who: str, given: Json) -> str:
    return f"Left the queue: {given['because']}" if given.get("because") else "Left the queue"


def _queued(who: str, given: Json) -> str:
    return f"In the queue: {'; '.join(_evidence(code, evidence) for code, evidence in given.items())}"


def _evidence(code: str, evidence: Any) -> str:
    told = _values(evidence, "") if isinstance(evidence, Mapping) else ""
    return f"{code} ({told})" if told else code


def _booked(who: str, given: Json) -> str:
    booked = [f"{sleeve} {_short(held)}" for sleeve, held in given.items()]
    return f"Booked: {'; '.join(booked)}"


SENTENCES: dict[str, Callable[[str, Json], str]] = {
    "rebalance started": _started,
    "target checked": _checked,
    "sleeves verified": _sleeves,
    "minimums checked": _minimums,
    "trades generated": _trades,
    "decision kept": _kept,
    "document mended": _mended,
    "months dropped": _months,
    "approved": _approved,
    "approval not proven": _not_proven,
    "cancellation not proven": _not_proven,
    "request approval not proven": _not_proven,
    "request cancellation not proven": _not_proven,
    "approval void: the account changed": _void,
    "orders submitted": _submitted,
    "buys sized again": _resized,
    "break opened": _break,
    "break resolved": _resolved,
    "rebalance ended": _ended,
    "history archived": _archived,
    "left the queue": _left,
    "queued": _queued,
    "queue reasons changed": _queued,
    "positions booked": _booked,
}


def _order(action: str, given: Json) -> str:
    said = f": {given['venue_reason']}" if given.get("venue_reason") else ""
    status = action.removeprefix("order ")
    return (
        f"The venue on {given['client_order_id']}, {given['side']} {given['quantity']} {given['symbol']}: {status}, "
        f"{given['filled']} for {amount(given['amount'])}{said}"
    )


# --- what each rule decided


def decisions(plan: Json) -> Iterator[tuple[str | None, str]]:
    """What a plan decided, as (rule, sentence): each component, order, transfer, skipped trade and finding."""
    for each in plan.get("components", ()):
        moved = f"{share(each['current_weight'])} to {share(each['planned_weight'])}"
        band = f"band {share(each['lower'])} to {share(each['upper'])} around {share(each['weight'])}"
        sleeve = f", sleeve {each['sleeve']}" if each.get("sleeve") else ""
        breach = f", {each['breach']} its threshold" if each.get("breach") else ""
        yield None, f"{each['component']}: {moved}; {band}{breach}{sleeve}; {each['outcome']}"
    for each in plan.get("orders", ()):
        what = f"{each['side']} {each['quantity']} {each['symbol']} for {amount(each['amount'])}"
        yield each["rule"], f"{what}: {each['reason']}"
    for each in plan.get("transfers", ()):
        what = f"{each['quantity']} {each['symbol']}, worth " if each.get("symbol") else "cash "
        yield (
            "SLEEVE-1" if not each.get("symbol") else "ORDER-2",
            (f"move {what}{amount(each['amount'])} from {each['from']} to {each['to']}"),
        )
    for each in plan.get("skipped", ()):
        yield each["rule"], f"skipped {each['side']} {each['quantity']} {each['symbol']}: {each['reason']}"
    for each in plan.get("findings", ()):
        yield each["rule"], f"{each['severity']}: {each['message']}"


def _values(given: Any, prefix: str) -> str:
    if given is None or given in ({}, []):
        return ""
    if isinstance(given, Mapping):
        shown = ", ".join(f"{key} {_short(value)}" for key, value in given.items())
        return f"{prefix}{shown}"
    return f"{prefix}{_short(given)}"


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return f"({_values(value, '')})"
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "none"
    return str(value)


def _hash(digest: str | None) -> str:
    return f"sha256 {digest[:12]}…" if digest else "none"


def _at(at: str) -> str:
    return at.replace("T", " ").replace("+00:00", "Z")
