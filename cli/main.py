"""The command `rebalancer` and its list of subcommands, each loaded only when it is called."""

import contextlib
import importlib
import os
import sys
from typing import Any

import click

from cli import commands, historical, refusals
from reading.refused import Refused

# name -> module:attribute, line of help. The modules are imported when their command is called, not before.
COMMANDS: dict[str, tuple[str, str]] = {
    "plan": ("cli.plan:plan", "What-if: plans accounts from a book file."),
    "load": ("cli.load:load", "Load a book into the database; all or nothing."),
    "prices": ("cli.prices:prices", "Load closing prices from a file."),
    "positions": ("cli.positions:positions", "Compare a custodian's positions and cash with the books."),
    "corporate-actions": (
        "cli.corporate_actions:corporate_actions",
        "Apply splits, new symbols and dividends to the books.",
    ),
    "feed": ("cli.feed:feed", "The shapes of files that are known; try a file, or draft a feed for it."),
    "status": ("cli.status:status", "Is the rebalancer working?"),
    "diagnose": ("cli.diagnose:diagnose", "Walk the troubleshooting tree for one account."),
    "account": ("cli.account:account", "List, show, hold, freeze and close accounts; switch their rebalancing."),
    "target": ("cli.target:target", "Assign, remove, edit, list and show targets."),
    "model": ("cli.model:model", "List and show models; take a manager's signal."),
    "queue": ("cli.queue:queue", "The accounts that need a rebalance, and why."),
    "evaluate": ("cli.evaluate:evaluate", "Run the daily evaluation now."),
    "submit": ("cli.submit:submit", "Submit accounts for a rebalance; trades wait for an approval."),
    "approve": ("cli.decide:approve", "Approve what is pending in a rebalance or a request."),
    "cancel": ("cli.decide:cancel", "Cancel what is pending in a rebalance or a request."),
    "pause": ("cli.decide:pause", "Pause a request: nothing more of it is started."),
    "resume": ("cli.decide:resume", "Let a paused request go on, or sending that was halted."),
    "halt": ("cli.halt:halt", "The kill switch: nothing is sent any more, by any worker."),
    "request": ("cli.lists:request", "Rebalance requests, listed."),
    "signal": ("cli.lists:signal", "Managers' signals, listed."),
    "history": ("cli.history:history", "Rebalances, newest first."),
    "show": ("cli.history:show", "One rebalance or request, whole."),
    "audit": ("cli.audit:audit", "For auditors: a rebalance's story, the record's proof and export, recomputing."),
    "breaks": ("cli.breaks:breaks", "Differences to the custodian; resolve them with a note."),
    "recover": ("cli.recover:recover", "End rebalances whose workflow is gone; tell a restored database that it is."),
    "fix": ("cli.fix:fix", "FIX sessions: status, logout, logon, reset, settle."),
    "login": ("cli.login:login", "Sign in at the console, where decisions are signed."),
    "logout": ("cli.login:logout", "Sign out."),
    "whoami": ("cli.login:whoami", "Who is signed in here."),
    "people": ("cli.people:people", "Who may sign in at the console, and as what."),
    "keys": ("cli.people:keys", "The keys that sign what people decide."),
    "desk": ("cli.desk:desk", "The trading desk: what waits, open blocks; stop, start, release."),
    "block": ("cli.block:block", "Trade blocks: each account's part; taking an account out."),
    "venue": ("cli.venue:venue", "What venues may be asked; how unkind the paper venue is."),
    "rules": ("cli.rules:rules", "The rule catalogue, from the code itself."),
    "policy": ("cli.policy:policy", "The numbers in force."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="rebalancer", prog_name="rebalancer")
def rebalancer() -> None:
    """Rebalances the accounts of a unified-managed-account platform.

    Exit status: 0 done; 1 refused or ended in an error, with one line saying what and what to do; 2 wrong usage.
    """


def main() -> None:
    """Entry point. A process in which Temporal's client was used ends without Python's own tidying up.

    Its threads may outlive the interpreter and abort the process on its way out, after the work is done, with an exit
    status that means nothing (temporalio/sdk-python issue 300).
    """
    code = run()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    if "telemetry.traces" in sys.modules:
        sys.modules["telemetry.traces"].flush()
    if "temporalio" in sys.modules:
        os._exit(code)
    sys.exit(code)


def run() -> int:
    """Runs the command; one line for what a person did wrong, never a traceback for it."""
    try:
        outcome: Any = rebalancer.main(standalone_mode=False)
        historical.tell(sys.argv[1:])
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except click.ClickException as flaw:
        flaw.show()
        return flaw.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except Refused as refused:
        said = commands.line(refused.said) or ""
        click.echo(f"rebalancer: {said}", err=True)
        refusals.note(sys.argv[1:], refused, said)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as flaw:
        if type(flaw).__module__ == "payloads.errors":
            click.echo(f"rebalancer: {flaw}", err=True)
            return 1
        if not type(flaw).__module__.startswith("sqlalchemy"):
            raise
        from storage.faults import first_line

        click.echo(f"rebalancer: the database can't do it: {first_line(flaw)}. See `rebalancer status`", err=True)
        return 1


if __name__ == "__main__":
    main()
