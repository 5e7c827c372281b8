"""Puts what was measured into `docs/performance.md`, between the marks of its name; the words around it stay."""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PERFORMANCE = DOCS / "performance.md"


def put(name: str, measured: str) -> None:
    """Replaces what stands between `<!-- NAME -->` and `<!-- end of NAME -->`. Raises ValueError without the marks."""
    text = PERFORMANCE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{PERFORMANCE.name} has no {begin} … {end}")
    PERFORMANCE.write_text(f"{before}{begin}\n\n{measured}\n\n{end}{after}", encoding="utf-8")
    print(f"written: {PERFORMANCE}, {name}")
