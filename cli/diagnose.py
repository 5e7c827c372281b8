"""`rebalancer diagnose`: why is this account not rebalanced? The troubleshooting tree, walked for the operator."""

import click

from cli import say


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@say.format_option
def diagnose(account_id: str, form: str) -> None:
    """Ask of ACCOUNT what operators ask: target, toggle, queue, sleeves, minimums, thresholds, prices, rebalances.

    Exit status 0 when all could be asked, whatever was found.
    """
    from cli import commands, connections, plan_page
    from cli.checks import as_table
    from reading.health import diagnose
    from reading.health.checks import to_act
    from reading.health.diagnosis import QUESTIONS

    books, today = connections.books(), connections.today()
    asked = diagnose.diagnose(books, connections.temporal, account_id, today, connections.trade_date())
    found = connections.run(asked)
    if form == "json":
        say.as_json(found.as_json(commands.line))
        return
    count = to_act(found.checks)
    ending = f"{count} {'thing needs' if count == 1 else 'things need'} somebody to act." if count else "Nothing to do."
    title = plan_page.title(found.account_id, found.name)
    say.show(title, as_table(found.checks, QUESTIONS), "", ending)
