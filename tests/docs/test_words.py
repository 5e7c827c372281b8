"""Told plainly: one name for one thing, in all that people read. Templates, help, messages and documents are looked at.

`precision` is the key of a destination band in files; nothing else is called so, nor is a band one that it "lands" in.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.record.documents import KEEPING

PROJECT = Path(__file__).resolve().parents[2]
CODE = ("acting", "activities", "anchors", "cli", "devstack", "domain", "feeds", "identity", "markup", "policy",
        "reading", "storage", "telemetry", "venues", "web", "workflows")  # fmt: skip
INSTEAD = {
    r"\b[Mm]end(?:s|ed|ing)?\b": "correct, repair, put right",
    r"\ban? (?:report|line|entry|file|gateway|price) an? \w+": "one for each",
    r"\blands?\b": "is brought to, ends at",
    r"\blands (?:from|to)\b": "destination",
    r"\bprecision (?:band|lower|upper)\b|\b(?:the|its|their|every|a) precision\b": "destination band",
    r"\bWho asks\b|\bwho asks (?:does|has|may)\b": "the person who submits",
    r"\bbands ask\b": "its destination band asks",
}
# Texts that are no sentence of ours: a record's name of what happened, which is in hashes, and an SQL column.
NAMES = {"document mended", KEEPING}
PLANNER = "domain/planning/"  # its rules' sentences are decided with its rules
TOLD_BY_HELP = re.compile(r"command|group|router|\.(?:get|post|put|delete)\(")


def said(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module with their lines: all but what its docstrings say to programmers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours = {id(each.body[0].value) for each in ast.walk(tree) if _is_for_programmers(each)}  # type: ignore[attr-defined]
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in ours:
            yield each.lineno, each.value


def _is_for_programmers(node: ast.AST) -> bool:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
        return False
    first = node.body[0]
    decorators = " ".join(ast.unparse(each) for each in getattr(node, "decorator_list", []))
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and not TOLD_BY_HELP.search(decorators)


def unplain(text: str) -> list[str]:
    """The words of a text that have a plainer one."""
    if text in NAMES:
        return []
    found = [(word, instead) for words, instead in INSTEAD.items() for word in re.findall(words, text)]
    return [f"{word!r}: {instead}" for word, instead in found]


def test_what_programs_say() -> None:
    found, seen = [], 0
    for folder in CODE:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            name = str(path.relative_to(PROJECT))
            if "/versions/" in name or name.startswith(PLANNER):
                continue
            for line, text in said(path):
                seen += 1
                found += [f"{name}:{line}: {flaw}" for flaw in unplain(text)]
    assert seen > 8000
    assert found == []


@pytest.mark.parametrize("folder", ["web/templates", "markup", "docs", "examples", "policy", "."])
def test_what_pages_and_documents_say(folder: str) -> None:
    deep = "" if folder == "." else "**/"
    kinds = ("html", "md") if folder not in {"policy", "examples"} else ("md", "yaml")
    files = [path for kind in kinds for path in sorted((PROJECT / folder).glob(f"{deep}*.{kind}"))]
    assert files or folder == "markup"
    told = PROJECT / "docs" / "decisions.md", PROJECT / "docs" / "chaos.md"  # of how it was built, for who builds it
    assert [
        f"{path.relative_to(PROJECT)}:{number}: {flaw}"
        for path in files
        if path not in told
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if not line.startswith("> ") and "document mended" not in line
        for flaw in unplain(line)
    ] == []


def test_a_word_that_is_not_plain_is_found() -> None:
    for text in ("Mend the file", "a report a rebalance", "its precision", "where it lands", "Who asks does not"):
        assert unplain(text), text
    assert unplain('"precision": {"relative": "0.04"}') == []
