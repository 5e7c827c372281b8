"""Tables of figures as Markdown, readable on a screen and ready to be pasted into a document."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under their header; the first column left, the others right."""
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]

    def told(line: Sequence[str]) -> str:
        cells = [
            each.ljust(width) if at == 0 else each.rjust(width)
            for at, (each, width) in enumerate(zip(line, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    ruler = [f"{'-' * (width - (at > 0))}{':' if at else ''}" for at, width in enumerate(widths)]
    return "\n".join([told(header), f"| {' | '.join(ruler)} |", *map(told, rows)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
