"""One module a group of commands: parse, call, print."""

from prescarbon.cli import definitions, measures, months, opportunities, reports
from prescarbon.cli.app import cli

__all__ = ["cli", "definitions", "measures", "months", "opportunities", "reports"]
