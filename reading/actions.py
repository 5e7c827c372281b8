"""What somebody may do next, as a value: a command line writes a command of it, a page a link or a button.

An advice is a sentence: actions behind each other, each with its words around what it is about.
"""

from dataclasses import dataclass

Options = tuple[tuple[str, str | None], ...]
MIGRATE = "python -m storage.migrations"
FOUND = ("localhost:7233", "127.0.0.1:7233")  # where Temporal's tools look by themselves
SHELL = "shell"  # the verb of what is typed somewhere else: `of` is the line


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do. Placeholders, for what only who does it can say, are in capitals: WHO, TEXT, FILE.

    `verb`: as the command line has it, like "approve" or "breaks resolve"; empty where there are only words. `of`:
    what it is done to, in order. `options`: name and value; without a value, a switch. `told`: the words, with {} where
    the thing to do stands.
    """

    verb: str = ""
    of: tuple[str, ...] = ()
    options: Options = ()
    told: str = "{}"

    def said(self, shown: str) -> str:
        """The words, with the thing to do as somebody shows it: a command, a link."""
        before, there, after = self.told.partition("{}")
        return f"{before}{shown}{after}" if there else before

    def __str__(self) -> str:
        return self.said(" ".join((self.verb, *self.of)) if self.verb != SHELL else self.of[0])


Advice = tuple[Action, ...]


def do(verb: str, *of: str, told: str = "{}", **options: str | bool) -> Action:
    """`do("breaks resolve", "3", note="TEXT", told="find out which is right, then {}")`; True makes a switch."""
    return Action(verb, of, tuple((name, _value(value)) for name, value in options.items()), told)


def shell(line: str, told: str = "{}") -> Action:
    """What is typed in a shell, and is no command of ours."""
    return Action(SHELL, (line,), told=told)


def tell(words: str) -> Action:
    """What somebody has to do that nobody can do for them."""
    return Action(told=words)


def typed(line: str, address: str | None) -> str:
    """A shell's line as it works where Temporal answers at `address`; None where its tools find it by themselves."""
    if address is None or address in FOUND:
        return line
    if line.startswith("temporal "):
        return f"{line} --address {address}"
    return f"TEMPORAL_ADDRESS={address} {line}" if line.startswith("python -m workflows.") else line


def _value(given: str | bool) -> str | None:
    return None if given is True else str(given)
