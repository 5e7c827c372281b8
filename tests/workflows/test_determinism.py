"""Workers run workflows without the sandbox of the tests: so their files name nothing that a replay would not see."""

import ast
from pathlib import Path

import workflows

HERE = Path(workflows.__file__).parent
CLIENTS = {"connection.py", "deployment.py", "schedule.py"}  # scripts and ways in: no workflow runs what is in them
MODULES = {
    "time",
    "random",
    "secrets",
    "uuid",
    "os",
    "pathlib",
    "socket",
    "subprocess",
    "threading",
    "sqlalchemy",
    "httpx",
}
MOMENTS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
WAITS = {("asyncio", "wait"), ("asyncio", "as_completed"), ("asyncio", "to_thread")}  # `workflow.` has its own of them


def test_workflow_files_name_no_clock_no_chance_and_nothing_outside() -> None:
    looked_at, named = 0, []
    for file in sorted(HERE.glob("*.py")):
        if file.name in CLIENTS:
            continue
        looked_at += 1
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named += [f"{file.name}:{at}: {what}" for at, what in _named(node)]
    assert looked_at >= 15
    assert named == []


def test_that_would_be_seen() -> None:
    code = "import time\nfrom random import choice\nimport os.path\ndatetime.now()\nworkflow.now()\nasyncio.wait([])\n"
    found = [what for node in ast.walk(ast.parse(code)) for _, what in _named(node)]
    assert sorted(found) == ["asyncio.wait", "datetime.now", "os", "random", "time"]


def _named(node: ast.AST) -> list[tuple[int, str]]:
    if isinstance(node, ast.Import):
        tops = [each.name.partition(".")[0] for each in node.names]
        return [(node.lineno, top) for top in tops if top in MODULES]
    if isinstance(node, ast.ImportFrom):
        top = (node.module or "").partition(".")[0]
        return [(node.lineno, top)] if top in MODULES else []
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        pair = node.value.id, node.attr
        return [(node.lineno, ".".join(pair))] if pair in MOMENTS | WAITS else []
    return []
