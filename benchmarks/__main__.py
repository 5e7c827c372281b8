"""`make bench`: how fast it is. `python -m benchmarks [NAME [OPTIONS]]`; without a name, every one of them.

`python -m benchmarks --write` puts all that docs/performance.md shows into it, plots included.
"""

import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    allocation,
    audit,
    blocks,
    console,
    evaluation,
    fix,
    growth,
    plan,
    rebalances,
    requests,
    target_edit,
    visibility,
    workers,
)

BENCHMARKS: dict[str, Callable[[Sequence[str]], None]] = {
    "plan": plan.main,
    "growth": growth.main,
    "evaluation": evaluation.main,
    "rebalances": rebalances.main,
    "requests": requests.main,
    "target_edit": target_edit.main,
    "visibility": visibility.main,
    "workers": workers.main,
    "audit": audit.main,
    "allocation": allocation.main,
    "fix": fix.main,
    "blocks": blocks.main,
    "console": console.main,
}
WRITES = {
    "plan": "--write",
    "growth": "--draw",
    "evaluation": "--write",
    "rebalances": "--write",
    "visibility": "--write",
    "workers": "--write",
}


def main(arguments: Sequence[str]) -> None:
    """Runs the one that is named, with its options, or all."""
    if not arguments or list(arguments) == ["--write"]:
        for name, run in BENCHMARKS.items():
            print(f"\n## {name}\n", flush=True)
            run([WRITES[name]] if arguments and name in WRITES else ())
    elif arguments[0] in BENCHMARKS:
        BENCHMARKS[arguments[0]](arguments[1:])
    else:
        sys.exit(f"no benchmark is called {arguments[0]}: there are {', '.join(BENCHMARKS)}")


if __name__ == "__main__":
    main(sys.argv[1:])
