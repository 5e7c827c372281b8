"""The rule catalogue, read from the code itself."""

from typing import Any

from reading.actions import do
from reading.refused import Unknown

Json = dict[str, Any]


def listing() -> list[Json]:
    """The rules with their permanent codes, by family and number: `code`, `says`, and the `file` that decides it."""
    from domain.values.rules import catalogue

    listed = [{"code": rule.code, "says": rule.says, "file": file} for rule, file in catalogue()]
    return sorted(listed, key=lambda each: _family(each["code"]))


def one(code: str) -> Json:
    """A rule, and what the file that decides it says of itself, as `about`. Raises Unknown, with those near it."""
    known = {each["code"]: each for each in listing()}
    rule = known.get(code.upper())
    if rule is None:
        raise Unknown(
            f"there is no rule {code}{_near(code.upper(), list(known))}. ", do("rules", told="`{}` lists all")
        )
    return rule | {"about": _about(rule["file"])}


def _family(code: str) -> tuple[str, int]:
    family, _, number = code.rpartition("-")
    return family, int(number)


def _near(code: str, known: list[str]) -> str:
    """The codes that may have been meant: of the same family, else spelt alike."""
    import difflib

    family = code.partition("-")[0]
    meant = [each for each in known if each.partition("-")[0] == family] or difflib.get_close_matches(code, known, 5)
    return f"; there is {', '.join(meant)}" if meant else ""


def _about(file: str) -> str:
    """What the file says of itself."""
    import importlib
    import inspect

    return inspect.getdoc(importlib.import_module(file.removesuffix(".py").replace("/", "."))) or ""
