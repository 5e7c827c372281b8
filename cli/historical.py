"""Every page that shows accounts of a historical book says so, last, in one place (DAY-3)."""

from collections.abc import Sequence

# The commands whose pages show accounts, by their first word, or their first two.
PAGES = {"queue", "history", "show", "diagnose", "evaluate", "breaks", "positions", "submit"}
PARTS = {("account", "list"), ("account", "show"), ("request", "list"), ("signal", "list"), ("audit", "show")}
FOR_SCRIPTS = {"json", "jsonl", "csv"}


def shows_accounts(words: Sequence[str]) -> bool:
    """True where a command's page is for people and shows accounts."""
    given = {word.removeprefix("--format=") for word in words}
    if given & FOR_SCRIPTS or {"-h", "--help"} & given or words[:2] == ["breaks", "resolve"]:
        return False
    return bool(words) and (words[0] in PAGES or tuple(words[:2]) in PARTS)


def tell(words: Sequence[str]) -> None:
    """Ends a page with the day that a historical book is judged from; says nothing where the books are of today."""
    if not shows_accounts(words):
        return
    from cli import connections, say
    from reading.market.day import book_day

    with connections.books().transaction() as read:
        day = book_day(read)
    if day is not None and day.historical:
        line = f"Historical books: everything is judged from {day.as_of}, not from today (DAY-3)."
        if words[0] == "submit":
            say.message(line)  # on standard output is the request's id alone: scripts take it from there
        else:
            say.show("", line)
