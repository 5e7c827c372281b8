"""`python -m planners freeze` freezes the planner in force; `python -m planners check [N]` asks frozen ones again.

`make freeze` does the first, and then keeps the next version's plans.
"""

import argparse
import sys
from pathlib import Path

from planners.closure import UnreadableImport
from planners.freezing import CannotFreeze, freeze
from planners.frozen import NoPlanner, planner, versions
from planners.kept import decided_otherwise, kept_plans

PROJECT = Path(__file__).parents[1]


def main() -> int:
    """Does what was asked. Returns 1, with one line on what is wrong, where that can't be."""
    options = argparse.ArgumentParser(prog="python -m planners", description="Planners of earlier rules (AUDIT-1).")
    commands = options.add_subparsers(dest="command", required=True)
    commands.add_parser("freeze", help="copy and hash the planner in force, and raise RULES_VERSION")
    checking = commands.add_parser("check", help="do frozen planners give the plans that are kept of their rules?")
    checking.add_argument("versions", nargs="*", metavar="N", help="versions of the rules (all that are frozen)")
    given = options.parse_args()
    try:
        sys.stdout.write(_freeze() if given.command == "freeze" else _check(given.versions or versions()))
    except (CannotFreeze, NoPlanner, UnreadableImport, ValueError, OSError) as flaw:
        sys.stderr.write(f"planners: {flaw}\n")
        return 1
    return 0


def _freeze() -> str:
    made = freeze(PROJECT)
    return (
        f"{made.files} files frozen in {made.planner.relative_to(PROJECT)}; RULES_VERSION is {made.next_version} now. "
        "Keep its plans: python -m tests.kept_plans\n"
    )


def _check(asked: list[str]) -> str:
    if not asked:
        raise NoPlanner("no planner is frozen yet")
    for version in asked:
        for kept, _ in decided_otherwise(planner(version), kept_plans(PROJECT, version)):
            raise ValueError(f'the planner of rules {version} does not give the kept plan "{kept["name"]}" again')
    return f"every kept plan comes out again: rules {', '.join(asked)}\n"


if __name__ == "__main__":
    sys.exit(main())
