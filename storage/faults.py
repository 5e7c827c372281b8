"""What went wrong, in one line: for people, for logs, and for Temporal, which shows no long failure at all."""

LONGEST = 500  # characters


def first_line(flaw: BaseException) -> str:
    """The first line of what a fault says; of a database's fault, without the statement and the driver's advice."""
    told = str(getattr(flaw, "orig", None) or flaw).strip()
    return told.splitlines()[0][:LONGEST] if told else type(flaw).__name__
