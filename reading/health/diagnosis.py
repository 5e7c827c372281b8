"""The questions that operators ask of one account, in the order in which to ask them, each with its answer.

Every question is a function of what is known of the account; `diagnose` asks them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.evaluation import Verdict
from domain.planning.checks import needed_symbols, price_trouble
from domain.queue import QUEUE_6
from domain.targets.minimums import MINIMUM_2
from domain.targets.targets import TARGET_5, need_not_be_held
from domain.values.money import money, percent
from reading import words
from reading.accounts.breaks import break_in_words
from reading.accounts.reasons import reasons_now
from reading.accounts.standing import Standing
from reading.actions import Action, Advice, do, tell
from reading.evidence import in_words
from reading.health.checks import Check, act, good, unknown

QUESTIONS = {
    "target": "Is a target assigned?",
    "rebalancing": "Is rebalancing on?",
    "queue": "Is it in the queue?",
    "sleeves": "Does each model have an open sleeve?",
    "minimums": "Does each model meet its minimum?",
    "lower_thresholds": "Is every lower threshold above 0?",
    "prices": "Are the prices fresh?",
    "in_flight": "Is a rebalance in flight?",
    "last_rebalance": "Did the last one leave nothing open?",
    "rebalancer": "Does the rebalancer itself work?",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one account. Rows are the database's; `workflow` is what Temporal says of its rebalance."""

    standing: Standing
    verdict: Verdict  # of an evaluation made now
    entry: Any  # of the queue, or None
    note: Any  # the last evaluation's, or None
    evaluated: Any  # the last evaluation, or None
    held: Any  # until when and why somebody keeps it out of what is submitted from the queue, or None
    under_way: Any  # the rebalance that has not ended, or None
    last_ended: Any  # the rebalance that ended last, or None
    breaks: Sequence[Any]  # open ones
    workflow: "Workflow | None"  # None where there is none, or where Temporal can't be asked

    @property
    def id(self) -> str:
        """The account's id."""
        return self.standing.snapshot.account.id


@dataclass(frozen=True, slots=True)
class Workflow:
    """The newest workflow of the account's rebalances, by the run that it began with.

    `failing` says what step is being tried again, and why; `failure` why the workflow itself failed.
    """

    first_run_id: str
    status: str
    failing: str | None
    failure: str | None

    def is_of(self, row: Any) -> bool:
        """True where the workflow is the one that made a rebalance's row."""
        return row is not None and str(row.start_key).endswith(f"#{self.first_run_id}")


def target(facts: Facts) -> Check:
    """Is a target assigned?"""
    held = facts.standing.snapshot
    if held.target is None:
        holds = (
            "a rebalance would sell all that it holds" if held.account.holds_securities else "it holds no securities"
        )
        return act("target", f"no target is assigned: {holds}", do("target assign", facts.id, "TARGET"))
    if facts.standing.flaw and not facts.standing.named:
        mend = tell("correct the target and load it again")
        return act("target", f"{held.target.id} can't be used: {facts.standing.flaw}", mend)
    return good("target", f"{held.target.id}, version {held.target.version}")


def rebalancing(facts: Facts) -> Check:
    """Is rebalancing on?"""
    if facts.standing.snapshot.account.rebalancing:
        return good("rebalancing", "on")
    told = "off: the daily evaluation leaves the account out, and no change of its target queues it (QUEUE-2)"
    return act("rebalancing", told, _switch_on(facts, "if it should be rebalanced: {}"))


def queue(facts: Facts) -> Check:
    """Is it in the queue, and if not, why not?"""
    entry = facts.entry
    if entry is not None:
        lines = "; ".join(line for _, of in reasons_now(entry, facts.verdict, few=True) for line in of)
        told = f"in the queue for {', '.join(entry.reasons)} ({lines})"
        if facts.held:
            told += (
                f", and held until {facts.held['until']}, left out of what is submitted from it: {facts.held['why']}"
            )
        if facts.under_way is not None:
            return good("queue", f"{told}; a rebalance is under way")
        if unfit := _unfit(facts):
            return act("queue", f"{told}, but not fit to be rebalanced: {unfit}", *_mend(facts))
        return act("queue", f"{told}; being in the queue trades nothing ({QUEUE_6.code})", *_submit(facts))
    account = facts.standing.snapshot.account
    verdict = facts.verdict
    if not account.rebalancing:
        codes = ", ".join(verdict.reasons)
        would = f"; switched on, it would be queued for {codes}" if codes else ""
        told = f"not in the queue, because its rebalancing is off{would}"
        return act("queue", told, _switch_on(facts, "if it should be: {}"))
    if verdict.kind == "queued":
        lines = "; ".join(line for code, each in verdict.reasons.items() for line in in_words(code, each, few=True))
        told = f"not in the queue, but an evaluation now would queue it for {', '.join(verdict.reasons)} ({lines})"
        return act("queue", f"{told}. {_last_evaluation(facts)}", do("evaluate"))
    if verdict.kind == "unable_to_check":
        told = verdict.finding.message if verdict.finding else "it can't be checked"
        return act("queue", f"not in the queue, because it is unable to check: {told}", *_mend(facts))
    if verdict.kind == "within" and verdict.finding:
        return good("queue", f"not in the queue: {verdict.finding.message}")
    why = "every component is inside its threshold" if facts.standing.components else "there is nothing to rebalance"
    return good("queue", f"not in the queue, because {why}. {_last_evaluation(facts)}")


def _last_evaluation(facts: Facts) -> str:
    from reading.words import utc

    if facts.evaluated is None:
        return "No evaluation has ended yet"
    said = f"; it noted: {facts.note.message}" if facts.note is not None else ""
    return f"The last evaluation ended {words.moment(utc(facts.evaluated.ended_at))} for {facts.evaluated.as_of}{said}"


def _switch_on(facts: Facts, told: str) -> Action:
    return do("account rebalancing", facts.id, "on", told=told)


def _submit(facts: Facts) -> Advice:
    """How the account is rebalanced, or what has to be mended first."""
    return _mend(facts) if _unfit(facts) else (do("submit", facts.id, told="{}, then an approval"),)


def _unfit(facts: Facts) -> str | None:
    """Why a plan of the account would be refused now, if it would."""
    if facts.breaks:
        return "it has an open reconciliation break (CHECK-1)"
    found = facts.verdict.finding if facts.verdict.kind == "unable_to_check" else None
    return found.message if found else facts.standing.flaw


def _mend(facts: Facts) -> Advice:
    """What makes an account fit to be checked and planned."""
    if facts.standing.snapshot.account.status != "open":
        return (do("account reopen", facts.id, why="TEXT", told="once that is settled: {}"),)
    if price_trouble(facts.standing.snapshot):
        return (do("prices", "FILE", told="{}, with newer ones"),)
    if facts.breaks:
        return _resolve(facts, "find out whether the books or the custodian are right, then {}")
    return (tell("correct what this names, in the account or its target, and load it"),)


def _resolve(facts: Facts, told: str) -> Advice:
    """How an open break is resolved, or set aside."""
    aside = do("submit", facts.id, override="open_break", told="; or trade in spite of it: {}")
    return do("breaks resolve", str(facts.breaks[0].id), note="TEXT", told=told), aside


def sleeves(facts: Facts) -> Check:
    """Does each model have an open sleeve?"""
    states = facts.standing.states
    if not states:
        return good("sleeves", "no model is named, and there is no model sleeve")
    rejected = {each.component for each in facts.standing.minimums if not each.accepted}
    lower = {each.key: each.threshold.lower for each in facts.standing.named}
    optional = " (its lower threshold of 0 lets it stay missing)"
    missing = {key: key + ("" if lower[key] else optional) for key, state in states.items() if state == "opening"}
    opening = [told for key, told in missing.items() if key not in rejected]
    closing = [key for key, state in states.items() if state == "closing"]
    told = [f"none yet, and opened by the next rebalance: {', '.join(opening)}"] if opening else []
    told += (
        [f"none, as its minimum is not met: {', '.join(missing[key] for key in sorted(rejected))}"] if rejected else []
    )
    told += [f"open, not in the target, and closed by the next rebalance: {', '.join(closing)}"] if closing else []
    if not told:
        return good("sleeves", f"open: {', '.join(states)}")
    if facts.under_way is not None:
        return good("sleeves", f"{'; '.join(told)}; one is under way")
    if not opening and not closing:
        return act("sleeves", "; ".join(told), tell("see its minimum, which is the next question"))
    return act("sleeves", "; ".join(told), *_submit(facts))


def minimums(facts: Facts) -> Check:
    """Would any model fail its minimum, and what account value would pass?"""
    standing = facts.standing
    if "opening" not in standing.states.values():
        return good("minimums", f"no sleeve has to open; an open one is never rejected ({MINIMUM_2.code})")
    if not standing.components or standing.valuation is None:
        return unknown("minimums", f"not known: {standing.flaw}")
    rejected = [each.finding.message for each in standing.minimums if each.finding]
    if rejected:
        needed = max(each.shortfall.account_needed for each in standing.minimums if each.shortfall)
        action = f"bring the account to {money(needed)}, or assign a target without what can't open"
        return act("minimums", " ".join(rejected), tell(action))
    worth = standing.valuation.managed_value
    passed = [
        f"{each.key} gets {percent(each.weight)} of {money(worth)}, which is {money(each.weight * worth)}, and needs "
        f"{money(standing.snapshot.models[each.ref].investment_minimum)}"
        for each in standing.components
        if each.sleeve == "opening"
    ]
    return good("minimums", "; ".join(passed))


def lower_thresholds(facts: Facts) -> Check:
    """Is any lower threshold 0?"""
    found = need_not_be_held(facts.standing.named)
    if facts.standing.snapshot.target is None:
        return good("lower_thresholds", "there is no target")
    if not found:
        return good("lower_thresholds", "every component with a weight has to be held")
    named = ", ".join(str(each.evidence["component"]) for each in found)
    told = f"{named} has a lower threshold of 0: that it is missing never counts as drift ({TARGET_5.code})"
    higher = tell("if it should be held, give it a lower threshold above 0 in the target")
    return act("lower_thresholds", told, higher)


def prices(facts: Facts) -> Check:
    """Are the prices fresh?"""
    snapshot = facts.standing.snapshot
    trouble = price_trouble(snapshot)
    if trouble:
        listed = ", ".join(f"{symbol} ({what})" for symbol, what in trouble.items())
        told = f"missing or too old: {listed}; the oldest allowed is of {snapshot.fresh_from}"
        return act("prices", told, do("prices", "FILE", told="{}, with newer ones"))
    days = [snapshot.securities[symbol].price_as_of for symbol in needed_symbols(snapshot)]
    if not days:
        return good("prices", "none is needed")
    allowed = f"up to {facts.standing.numbers.price_max_age_days} trading days old are allowed"
    return good("prices", f"{len(days)} needed, the oldest of {min(days)}; {allowed}")


def in_flight(facts: Facts) -> Check:
    """Is a rebalance in flight, waiting for whose approval?"""
    from reading.words import utc

    row, workflow = facts.under_way, facts.workflow
    running = workflow is not None and workflow.status == "RUNNING"
    if row is None and workflow is not None and running:
        told = workflow.failing or "no worker has taken it up yet"
        works = tell("see whether the rebalancer works, the last question")
        return act("in_flight", f"one was started; {told}", works)
    if row is None:
        return good("in_flight", "none")
    told = f"{row.id} is {row.stage}, asked for by {row.requested_by} {words.moment(utc(row.started_at))}"
    if workflow is not None and not running:
        action = do("submit", facts.id, told=f"{{}}: it brings {row.id} to its end first")
        return act("in_flight", f"{told}, but its workflow ended {workflow.status}", action)
    if workflow is not None and workflow.failing:
        mended = do("show", row.id, told="remove the cause; {} follows it")
        return act("in_flight", f"{told}; {workflow.failing}", mended)
    if row.stage != "PENDING_APPROVAL":
        return good("in_flight", told)
    four_eyes = facts.standing.numbers.four_eyes
    whom = f"anyone but {row.requested_by} (four eyes)" if four_eyes else "anyone"
    told = f"{told}; it waits until {words.moment(utc(row.expires_at))} for the approval of {whom}"
    return act("in_flight", told, do("approve", row.id, by="WHO"), do("cancel", row.id, told=", or {}"))


def last_rebalance(facts: Facts) -> Check:
    """Did the last one leave an issue or a break?"""
    if facts.breaks:
        told = "open break: " + "; ".join(break_in_words(each) for each in facts.breaks)
        return act("last_rebalance", told, *_resolve(facts, "find out which is right, then {}"))
    row, workflow = facts.last_ended, facts.workflow
    if workflow is not None and workflow.failure and not (workflow.is_of(row) or workflow.is_of(facts.under_way)):
        told = f"the newest one {workflow.status} before it had a number: {workflow.failure}"
        return act("last_rebalance", told, do("submit", facts.id))
    if row is None:
        return good("last_rebalance", "there was none")
    told = f"{row.id} ended {row.status}{f': {row.issue}' if row.issue else ''}"
    if row.status == "COMPLETE":
        return good("last_rebalance", told)
    if facts.under_way is not None:
        return good("last_rebalance", f"{told}; another is under way")
    mend = "correct what it names, then " if row.status in {"FAILED", "COMPLETE_WITH_ERRORS"} else "if still wanted: "
    return act("last_rebalance", told, do("submit", facts.id, told=f"{mend}{{}}"))


def rebalancer(found: Sequence[Check]) -> Check:
    """Does the rebalancer itself work? A summary of `status`."""
    failing = [each for each in found if not each.ok]
    if not failing:
        return good("rebalancer", f"yes: {', '.join(each.check.replace('_', ' ') for each in found)} are in order")
    told = "; ".join(f"{each.check.replace('_', ' ')}: {each.found}" for each in failing)
    return act("rebalancer", told, do("status"))


ACCOUNT_QUESTIONS = (
    target,
    rebalancing,
    queue,
    sleeves,
    minimums,
    lower_thresholds,
    prices,
    in_flight,
    last_rebalance,
)
