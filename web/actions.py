"""What to do next, as a page shows it: a link to where it is done here, else the command to type."""

import os
import shlex
from urllib.parse import quote

from reading.actions import SHELL, Action, Advice, typed
from reading.refused import Refused

# Where a command's work is done in the console; {} is the first thing that it is done to.
WHERE = {
    "show": "/rebalances/{}",
    "approve": "/requests/{}/review",
    "cancel": "/rebalances/{}",
    "queue": "/queue",
    "evaluate": "/queue",
    "status": "/status",
    "history": "/requests",
    "diagnose": "/accounts/{}/diagnosis",
    "account show": "/accounts/{}",
    "account list": "/accounts",
    "target show": "/targets/{}",
    "target list": "/targets",
    "model show": "/models/{}",
    "breaks": "/breaks",
    "breaks list": "/breaks",
    "breaks resolve": "/breaks",
    "submit": "/queue",
    "load": "/loads",
    "prices": "/loads",
    "positions": "/loads",
    "policy": "/policy",
    "rules": "/rules",
}

# What it is called there, where the verb does not say it.
CALLED = {
    "show": "{}",
    "queue": "The queue",
    "evaluate": "Evaluate",
    "history": "The requests",
    "diagnose": "Why {} is not rebalanced",
    "account show": "Account {}",
    "account list": "The accounts",
    "target show": "Target {}",
    "target list": "The targets",
    "model show": "Model {}",
    "breaks": "The breaks",
    "breaks list": "The breaks",
    "breaks resolve": "Resolve break {}",
    "submit": "Plan {}",
    "load": "Load a file",
    "prices": "Load prices",
    "positions": "Load a statement",
    "policy": "The policy",
    "rules": "The rules",
}


def where(action: Action) -> str | None:
    """The page for it, where there is one."""
    found = WHERE.get(action.verb)
    if found is None or ("{}" in found and not action.of):
        return None
    of = action.of[0] if action.of else ""
    if action.verb in {"show", "cancel", "approve"} and of.startswith("Q-"):
        found = "/requests/{}/review" if action.verb == "approve" else "/requests/{}"
    elif action.verb == "approve":
        found = "/rebalances/{}"
    return found.format(quote(of, safe=""))


def label(action: Action) -> str:
    """What a link to it is called; where it is done elsewhere, what somebody types."""
    if where(action) is None:
        return command(action)
    return CALLED.get(action.verb, action.verb.capitalize() + " {}").format(action.of[0] if action.of else "").strip()


def command(action: Action) -> str:
    """What somebody types for it."""
    if action.verb == SHELL:
        return typed(action.of[0], os.environ.get("TEMPORAL_ADDRESS"))
    options = [part for name, value in action.options for part in (f"--{name.replace('_', '-')}", value) if part]
    return shlex.join(["rebalancer", *action.verb.split(), *action.of, *options]) if action.verb else ""


def links_of(advice: Advice) -> list[tuple[str, str]]:
    """Where each can be done here, each place once."""
    found = {where(each): each.verb.replace("_", " ").capitalize() for each in advice}
    return [(to, called) for to, called in found.items() if to]


def words_of(flaw: Refused) -> str:
    """The sentence of a refusal, commands as they are typed."""
    told = [each if isinstance(each, str) else each.said(command(each)) for each in flaw.said]
    return "".join(told)
