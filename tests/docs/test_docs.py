"""The documents say what the code does: every rule, command, dependency, key and link of them is checked here."""

import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import pytest

from cli.main import COMMANDS, rebalancer
from domain.books import book_schema
from domain.queue import REASONS
from domain.telling import plan_json
from domain.values.outcome import STATUSES
from domain.values.policy import MODES, POLICY_KEYS
from domain.values.purpose import FULL
from domain.values.rules import catalogue

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
DOCUMENTS = sorted([PROJECT / "README.md", *DOCS.glob("*.md"), PROJECT / "examples" / "README.md"])
TEMPORAL = Path(sys.executable).with_name("temporal")
PLACEHOLDER = "COMMAND"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


# --- what the documents must have


def test_every_rule_has_a_section_with_its_sentence_and_its_file() -> None:
    book = text("rules.md")
    for rule, file in catalogue():
        assert f"\n### {rule.code}\n\n> {rule.says}\n\n`{file}`" in book, rule.code


def test_no_section_is_of_a_rule_that_is_not_there() -> None:
    told = re.findall(r"^### ([A-Z]+-\d+)$", text("rules.md"), re.MULTILINE)
    assert sorted(told) == sorted(rule.code for rule, _ in catalogue())


def test_every_rule_has_a_figure() -> None:
    sections = re.split(r"^### ", text("rules.md"), flags=re.MULTILINE)[1:]
    assert [section.split("\n")[0] for section in sections if "*Figure.*" not in section] == []


@pytest.mark.parametrize("word", [*REASONS, *STATUSES, *MODES, *POLICY_KEYS])
def test_reasons_statuses_modes_and_numbers_are_in_the_rule_book(word: str) -> None:
    assert f"`{word}`" in text("rules.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_operators_guide(command: str) -> None:
    assert f"\n### `{command}`\n" in text("operators-guide.md")


def test_every_subcommand_is_in_the_operators_guide() -> None:
    guide = text("operators-guide.md")
    for command in COMMANDS:
        group = _command(command)
        for sub in group.commands if isinstance(group, click.Group) else ():
            assert f"rebalancer {command} {sub} " in guide, f"{command} {sub}"


def test_every_dependency_has_its_line_in_the_decisions() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    decisions = text("decisions.md")
    extras = project["optional-dependencies"].values()
    for wanted in [*project["dependencies"], *itertools.chain.from_iterable(extras)]:
        package = re.split(r"[\[<>=!~; ]", wanted)[0]
        assert f"| `{package}` |" in decisions, package


def test_every_document_is_in_the_index() -> None:
    index = text("README.md")
    assert [name(path) for path in DOCS.glob("*.md") if path.name not in {"README.md"} and path.name not in index] == []


def test_every_key_of_a_book_is_described() -> None:
    formats = text("formats.md")
    forms = [each for each in vars(book_schema).values() if isinstance(each, type) and hasattr(each, "model_fields")]
    keys = {field.alias or key for form in forms for key, field in form.model_fields.items()}
    assert sorted(key for key in keys - set(POLICY_KEYS) if not re.search(rf"[`\"]{key}[`\"]", formats)) == []


def test_every_key_of_a_plan_is_described() -> None:
    formats = text("formats.md")
    keys = set().union(*(_keys(plan) for plan in _plans()))
    assert "planned_weight" in keys
    assert sorted(key for key in keys - set(POLICY_KEYS) if f"`{key}`" not in formats) == []


# --- what they must not have


@pytest.mark.parametrize("document", [*DOCUMENTS, PROJECT / "tests" / "cases" / "README.md"], ids=name)
def test_a_document_stands_alone(document: Path) -> None:
    elsewhere = re.compile(r"\.\./shared|(?<!storage)/work/|\b(?:RULES|CONTRACT|ARCHITECTURE|STYLE|TEMPORAL)\.md\b")
    assert elsewhere.findall(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_are_there(document: Path) -> None:
    ours = "domain|policy|storage|identity|reading|acting|markup|web|venues|activities|workflows|cli|devstack"
    folders = f"{ours}|examples|tests|deploy|docs"
    named = re.findall(rf"`((?:{folders})/[\w/.-]*)`", document.read_text(encoding="utf-8"))
    assert [path for path in named if not (PROJECT / path).exists()] == []


# --- the command lines in them


def _commands(document: Path, program: str) -> Iterator[tuple[str, bool]]:
    """The command lines of a program, each with whether it stands in running text, where it may be a mere mention."""
    prose, fenced = [], []
    for at, part in enumerate(re.split(r"^```.*$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)):
        (fenced if at % 2 else prose).append(part)
    for line in "\n".join(fenced).splitlines():
        bare = line.removeprefix("$ ").partition("  #")[0].strip()
        if bare.startswith(f"{program} "):
            yield bare, False
    for span in re.findall(r"`([^`\n]+)`", "\n".join(prose)):
        if span.startswith(f"{program} "):
            yield span, True


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_rebalancer_commands_parse(document: Path) -> None:
    for line, mentioned in _commands(document, "rebalancer"):
        words = shlex.split(line)[1:]
        if words[0] in {PLACEHOLDER, "--help"}:
            continue
        command, path = _command(words[0]), words[:1]
        if isinstance(command, click.Group) and words[1:] and not words[1].startswith("-"):
            assert words[1] in command.commands, line
            command, path = command.commands[words[1]], words[:2]
        assert _help_exits(tuple(path)) == 0, line
        given = words[len(path) :]
        if not given:
            continue
        try:
            command.make_context(" ".join(path), list(given))
        except click.MissingParameter:
            assert mentioned and document.parent == DOCS, line
        except click.UsageError as flaw:
            raise AssertionError(f"{line}: {flaw.message}") from flaw


def test_the_readme_shows_commands_of_both() -> None:
    readme = PROJECT / "README.md"
    assert len({line for line, _ in _commands(readme, "rebalancer")}) >= 10
    assert any(True for _ in _commands(readme, "temporal"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_temporal_commands_have_these_flags(document: Path) -> None:
    for line, _ in _commands(document, "temporal"):
        words = shlex.split(line)[1:]
        path = tuple(word for at, word in enumerate(words) if not any(w.startswith("-") for w in words[: at + 1]))
        told = _temporal_help(path)
        for flag in (word for word in words if word.startswith("-")):
            # `temporal options` has these
            everywhere = flag in {"--address", "--namespace", "--output", "-o", "--codec-endpoint"}
            assert everywhere or re.search(rf"(?<![\w-]){flag}(?![\w-])", told), f"{line}: {flag}"


def _command(word: str) -> click.Command:
    found = rebalancer.get_command(click.Context(rebalancer), word)  # type: ignore[attr-defined]
    assert found is not None, f"rebalancer {word} is no command"
    return found


@lru_cache
def _help_exits(path: tuple[str, ...]) -> int:
    try:
        rebalancer.main([*path, "--help"], standalone_mode=True)
    except SystemExit as asked:
        return int(asked.code or 0)
    return 0


@lru_cache
def _temporal_help(path: tuple[str, ...]) -> str:
    done = subprocess.run([str(TEMPORAL), *path, "--help"], capture_output=True, text=True, check=True)
    assert f"temporal {' '.join(path)} [" in done.stdout, f"temporal {' '.join(path)} is no command"
    return done.stdout


@lru_cache
def _anchors(document: Path) -> frozenset[str]:
    """The headings of a document as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return frozenset(heading.replace(" ", "-") for heading in plain)


def _plans() -> list[dict[str, Any]]:
    from reading.files.what_if import plans as planned

    return [plan_json.as_json(each) for each, _ in planned(PROJECT / "examples" / "demo.yaml", None, "best_fit", FULL)]


def _keys(value: Any) -> set[str]:
    """The keys of an object and of what is in it; evidence is as each rule has it."""
    if isinstance(value, list):
        return set().union(*map(_keys, value))
    if isinstance(value, dict):
        return set(value).union(*(_keys(each) for key, each in value.items() if key != "evidence"))
    return set()
