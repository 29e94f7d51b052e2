"""Commands: parse, call the pipeline, print."""

import click


@click.group()
def cli() -> None:
    """Carbon and cost of every inhaler and medicine, by practice, with an interval."""
