"""One module a group of commands: parse, call, print."""

from prescarbon.cli import definitions, local, measures, months, opportunities, reports, rules
from prescarbon.cli.app import cli

__all__ = ["cli", "definitions", "local", "measures", "months", "opportunities", "reports", "rules"]
