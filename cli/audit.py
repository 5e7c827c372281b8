"""`rebalancer audit`, for auditors: what happened, is the record whole, and does a decision come out again."""

import click

from cli.audit_export import export
from cli.audit_recompute import recompute
from cli.audit_show import show
from cli.audit_verify import seal, verify


@click.group()
def audit() -> None:
    """For auditors: the story of a rebalance, the record's proof, its export, a decision computed again."""


audit.add_command(show)
audit.add_command(verify)
audit.add_command(export)
audit.add_command(recompute)
audit.add_command(seal)
