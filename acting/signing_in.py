"""Signing in, whoever asks: by a name and password, a passkey, a provider's word, or a set-up link; and signing out.

What is refused is said the same to everybody: whether a name is known here is nobody's business.
"""

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from identity import passkeys, passwords
from identity.passkeys import NotVouched, Site
from identity.person import Person
from reading.unknown import UnknownPerson
from reading.words import counted
from storage.actor import Actor
from storage.connection import Books
from storage.people.sessions import Session

CONSOLE = Actor("console")  # who records what nobody was signed in for
WRONG = "That name and password don't go together."


class NotSignedIn(Exception):
    """Why somebody can't sign in; says what to do."""


class TooOften(NotSignedIn):
    """Too many have tried by this name or from this address; `seconds` until somebody may again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, math.ceil(seconds))
        minutes = max(1, round(seconds / 60))
        super().__init__(f"Too many have tried: wait {counted(minutes, 'minute')}, and try again.")


def by_password(books: Books, name: str, password: str, address: str, now: datetime) -> Person:
    """Who it is. Throttled by name and address before anything is hashed. Raises NotSignedIn, and TooOften of it."""
    with books.transaction(CONSOLE) as work:
        waits = work.sign_ins.attempt(name, address, now)
        try:
            row = None if waits else work.people.named(name)
        except UnknownPerson:
            row = None
    if waits is not None:
        raise TooOften((waits - now).total_seconds())
    kept = row.password_hash if row is not None else None
    if not passwords.matches(kept, password) or row is None or kept is None:
        raise NotSignedIn(WRONG)
    with books.transaction(Actor(row.name)) as work:
        work.sign_ins.succeeded(name, address, now)
        if passwords.is_old(kept):
            work.people.rehash(row.subject, passwords.hashed(password))
        work.people.signed_in(row.subject, "password", now)
        person = work.people.person(row.subject, "password")
    if person is None:
        raise NotSignedIn(WRONG)
    return person


def set_password(books: Books, link: str, password: str, now: datetime) -> Person:
    """Sets a password by a set-up link, once. Raises NotSignedIn."""
    with books.reading() as work:
        person = work.people.of_link(link, now)
    if person is None:
        raise NotSignedIn("This link was used, or is too old. Ask whoever administers people for another one.")
    wrong = passwords.flaw(password, person.name)
    if wrong:
        raise NotSignedIn(f"{wrong[:1].upper()}{wrong[1:]}.")
    hashed = passwords.hashed(password)
    with books.transaction(Actor(person.name)) as work:
        used = work.people.use_link(link, hashed, now)
        if used is None:
            raise NotSignedIn("This link was used meanwhile. Ask whoever administers people for another one.")
        work.people.signed_in(person.subject, "password", now)
    return used


def asked(books: Books, site: Site, now: datetime) -> Mapping[str, Any]:
    """What a browser is asked to sign in by a passkey."""
    with books.transaction(CONSOLE) as work:
        return passkeys.asking(site, work.passkeys.challenge("sign-in", now))


def by_passkey(books: Books, given: str, now: datetime) -> Person:
    """Who it is, by what their device answered (JSON). Raises NotSignedIn."""
    answer = _answer(given)
    challenge = challenge_of(answer)
    with books.transaction(CONSOLE) as work:
        asked_for = challenge is not None and work.passkeys.take(challenge, "sign-in", now)
        found = work.passkeys.get(str(answer.get("id")))
    if not asked_for or challenge is None or found is None:
        raise NotSignedIn("This passkey is not known here, or took too long. Try again, or sign in by password.")
    subject, passkey = found
    try:
        uses = passkeys.answered(passkey, challenge, answer)
    except NotVouched as flaw:
        raise NotSignedIn(f"{flaw}.") from flaw
    with books.transaction(CONSOLE) as work:
        person = work.people.person(subject, "passkey")
        if person is None:
            raise NotSignedIn("This passkey's owner may not sign in here any more.")
        work.audit.actor = Actor(person.name)
        work.passkeys.used(passkey.id, uses, now)
        work.people.signed_in(subject, "passkey", now)
    return person


def new_passkey(books: Books, site: Site, person: Person, now: datetime) -> Mapping[str, Any]:
    """What a browser is asked for a new passkey."""
    with books.transaction(CONSOLE) as work:
        known = [row.id for row in work.passkeys.of(person.subject)]
        challenge = work.passkeys.challenge("register", now, person.subject)
    return passkeys.registration(site, person.subject, person.name, challenge, known)


def add_passkey(books: Books, site: Site, person: Person, label: str, given: str, now: datetime) -> None:
    """Keeps what a browser registered. Raises NotSignedIn where it proves nothing."""
    answer = _answer(given)
    challenge = challenge_of(answer)
    with books.transaction(Actor(person.name)) as work:
        if challenge is None or not work.passkeys.take(challenge, "register", now, person.subject):
            raise NotSignedIn("That took too long. Try again.")
        try:
            made = passkeys.registered(site, challenge, answer)
        except NotVouched as flaw:
            raise NotSignedIn(f"{flaw}.") from flaw
        work.passkeys.add(person.subject, label.strip()[:60] or "passkey", made)


def challenge_of(answer: Mapping[str, Any]) -> bytes | None:
    """The challenge that a browser says it answers."""
    response = answer.get("response")
    client = response.get("clientDataJSON") if isinstance(response, Mapping) else None
    if not isinstance(client, str):
        return None
    try:
        said = json.loads(_decoded(client))
        return _decoded(str(said["challenge"]))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def _answer(given: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(given)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NotSignedIn("The browser's answer can't be read. Try again.")
    return answer


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def vouched_for(books: Books, subject: str, name: str, roles: Iterable[str], now: datetime) -> Person:
    """Whom a provider vouches for, with the roles of their groups. Raises LookupError."""
    with books.transaction(CONSOLE) as work:
        return work.people.vouched_for(subject, name, roles, now)


def of_link(books: Books, link: str, now: datetime) -> Person | None:
    """Whose set-up link it is; None where it was used, or is too old."""
    with books.reading() as work:
        return work.people.of_link(link, now)


def bearer(books: Books, secret: str, now: datetime, by: str) -> Session | Person | None:
    """The session, or the person of the token, that a secret is of, which is used by that; None where it is nobody's.

    `by`: what of us asks, where the record has to say so.
    """
    with books.transaction(Actor(by)) as work:
        return work.sessions.bearer(secret, now)


def begin(
    books: Books, person: Person, now: datetime, address: str | None, device: str | None, before: str | None = None
) -> str:
    """A session of a person, whose secret is handed out this once; `before`, the one of the same browser, ends."""
    with books.transaction(Actor(person.name)) as work:
        if before:
            work.sessions.end(before)
        return work.sessions.open(person, now, address, device)


def end(books: Books, secret: str, who: Actor) -> bool:
    """Ends a session; False where it had ended."""
    with books.transaction(who) as work:
        return work.sessions.end(secret)
