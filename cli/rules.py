"""`rebalancer rules`: the rule catalogue, read from the code itself. Needs no database and no Temporal."""

import click

from cli import say


@click.command()
@click.argument("code", required=False)
@say.format_option
def rules(code: str | None, form: str) -> None:
    """The rules with their permanent codes; with CODE that rule, and what the file that decides it says of itself."""
    from reading import rules

    if code is not None:
        rule = rules.one(code)
        if form == "json":
            say.as_json(rule)
        else:
            say.show(f"{rule['code']}  {rule['says']}", f"\nDecided in {rule['file']}:\n", rule["about"])
        return
    listed = rules.listing()
    if form == "json":
        say.as_json(listed)
    else:
        rows = [(each["code"], each["says"], each["file"]) for each in listed]
        say.show(say.table("", ("code", "rule", "decided in"), rows))
