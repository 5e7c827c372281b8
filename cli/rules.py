"""`rebalancer rules`: the rule catalogue, read from the code itself. Needs no database and no Temporal."""

import click

from cli import say
from reading.refused import Refused


@click.command()
@click.argument("code", required=False)
@say.format_option
def rules(code: str | None, form: str) -> None:
    """The rules with their permanent codes; with CODE that rule, and what the file that decides it says of itself."""
    from domain.values.rules import catalogue

    listed = [{"code": rule.code, "says": rule.says, "file": file} for rule, file in catalogue()]
    listed.sort(key=lambda each: _family(each["code"]))
    if code is not None:
        _one(code, {each["code"]: each for each in listed}, form)
    elif form == "json":
        say.as_json(listed)
    else:
        rows = [(each["code"], each["says"], each["file"]) for each in listed]
        say.show(say.table("", ("code", "rule", "decided in"), rows))


def _one(code: str, known: dict[str, dict[str, str]], form: str) -> None:
    rule = known.get(code.upper())
    if rule is None:
        raise Refused(f"there is no rule {code}{_near(code.upper(), list(known))}. `rebalancer rules` lists all")
    about = _about(rule["file"])
    if form == "json":
        say.as_json(rule | {"about": about})
    else:
        say.show(f"{rule['code']}  {rule['says']}", f"\nDecided in {rule['file']}:\n", about)


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
