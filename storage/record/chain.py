"""How audit records hold together: every record's hash is taken over its content and the hash of the one before it.

A law for ever: records of any age must still verify, so the content's form below is never changed. An export's lines
carry the same content, so that anybody with SHA-256 and a JSON reader can check a chain (docs/auditors-guide.md).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Link:
    """One record with its place in its chain. `before` and `after` are JSON texts, byte for byte as kept."""

    id: int
    chain: str
    seq: int
    at: datetime
    who: str
    action: str
    account_id: str | None
    rebalance_id: str | None
    rule: str | None
    rules_version: str | None
    policy_version: str | None
    workflow_id: str | None
    run_id: str | None
    activity: str | None
    before: str | None
    after: str | None

    def content(self) -> str:
        """What is hashed: one JSON object on one line, its keys in this order, without the hashes."""
        known = {
            "id": self.id,
            "chain": self.chain,
            "seq": self.seq,
            "at": moment(self.at),
            "who": self.who,
            "action": self.action,
            "account_id": self.account_id,
            "rebalance_id": self.rebalance_id,
            "rule": self.rule,
            "rules_version": self.rules_version,
            "policy_version": self.policy_version,
            "workflow_id": self.workflow_id,
            "run_id": self.run_id,
            "activity": self.activity,
        }
        return f'{as_json(known)[:-1]}, "before": {self.before or "null"}, "after": {self.after or "null"}}}'

    def hash(self, previous: bytes) -> bytes:
        """The record's hash behind the hash of the record before it."""
        return linked(previous, self.content())


def linked(previous: bytes, content: str) -> bytes:
    """SHA-256 of the previous hash's 32 bytes followed by the content in UTF-8."""
    return hashlib.sha256(previous + content.encode()).digest()


def beginning(chain: str) -> bytes:
    """What stands for the previous hash of a chain's first record: SHA-256 of the chain's name."""
    return hashlib.sha256(chain.encode()).digest()


def account_chain(account_id: str) -> str:
    """The name of an account's chain."""
    return f"account/{account_id}"


def general_chain(number: int) -> str:
    """The name of a chain of records without an account. There are as many as ever were written at the same time."""
    return f"general/{number}"


def moment(at: datetime) -> str:
    """A moment in UTC, to the microsecond, as PostgreSQL keeps it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_json(value: object) -> str:
    """JSON as records keep it: on one line, keys in their order; what JSON does not know (numbers, dates) as text."""
    return _JSON.encode(value)
