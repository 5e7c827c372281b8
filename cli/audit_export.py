"""`rebalancer audit export`: a period of the record as files that stand alone, with a manifest of their hashes."""

from pathlib import Path

import click

from cli import say
from reading import words


@click.command()
@click.option("--since", metavar="DATE", required=True, help="The first day, in UTC.")
@click.option("--until", metavar="DATE", required=True, help="The last day, in UTC; it is in the export.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder that is empty, or not there yet.")
@say.format_option
def export(since: str, until: str, out: Path, form: str) -> None:
    """Write records, seals and rebalances as JSON Lines, a report for each rebalance, and a manifest of hashes."""
    from cli import connections
    from markup.report import report
    from reading.record.export import export as exported

    first, last = say.day("--since", since), say.day("--until", until)
    if first is None or last is None or first > last:
        raise click.UsageError(f"--since {since} is after --until {until}")
    done = exported(connections.books(), first, last, out, report)
    if form == "json":
        say.as_json(done.manifest | {"manifest_sha256": done.manifest_hash, "out": str(out)})
    else:
        counts = ((done.records, "record"), (done.seals, "seal"), (done.rebalances, "rebalance"))
        told = ", ".join(words.counted(count, noun) for count, noun in counts)
        say.show(
            f"{out}: {told}, {since} to {until}",
            f"manifest.json has the hash of every file; its own is {done.manifest_hash}",
            "Keep that hash elsewhere: it vouches for the whole export.",
        )
