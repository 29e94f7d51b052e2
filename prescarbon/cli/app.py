"""The command group, the options that commands share, and what a command may print."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from prescarbon import __version__
from prescarbon.config import GWP_BASES, read_config
from prescarbon.errors import PrescarbonError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


class Commands(click.Group):
    """A group whose errors are one sentence and an exit code; anything else keeps its traceback: it is our fault."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except PrescarbonError as error:
            click.echo(f"prescarbon: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prescarbon")
def cli() -> None:
    """Carbon and cost of every inhaler and medicine prescribed, by practice, with an interval.

    First time: `prescarbon demo`. Exit codes: 0 well, 1 a fault of ours, 2 usage, 3 your file, 4 the portal,
    5 reference data or configuration, 6 too little coverage.
    """


def command(group: click.Group = cli, name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the options all share; it is given a Config and a Say."""

    def wrap(function: Callable[..., Any]) -> click.Command:
        @click.option("--config", "config_file", type=FILE, help="Configuration file; default ./prescarbon.toml.")
        @click.option("--home", type=FOLDER, help="Where the store lies; default PRESCARBON_HOME.")
        @click.option("--scope", help="all, blmk, or codes with commas: K81001, pcn:…, sub-icb:…, icb:…, file:….")
        @click.option("--factor-set", help="Factor set for totals; default harmonised.")
        @click.option("--gwp-basis", type=click.Choice(GWP_BASES), help="IPCC report of the GWP100; default AR6.")
        @click.option("--quiet", "-q", is_flag=True, help="Print results only.")
        @functools.wraps(function)
        def run(config_file: Path | None, quiet: bool, **given: Any) -> Any:
            own = {key: given.pop(key, None) for key in ("home", "out", "scope", "factor_set", "gwp_basis")}
            return function(read_config(config_file, **own), Say(quiet=quiet), **given)

        return group.command(name or function.__name__.rstrip("_").replace("_", "-"))(run)

    return wrap


class Say:
    """What a command prints: results to standard output, progress and remarks to standard error."""

    def __init__(self, *, quiet: bool) -> None:
        """Quiet says results alone."""
        self.quiet = quiet
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def result(self, text: str) -> None:
        """A result."""
        click.echo(text)

    def remark(self, text: str) -> None:
        """A remark, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """A warning, always."""
        click.echo(f"prescarbon: mind: {text}", err=True)

    def __enter__(self) -> "Say":
        """Open the progress bar (on a terminal only)."""
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, disable=self.quiet or not console.is_terminal)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self._bar:
            self._bar.stop()

    def progress(self, name: str, done: int, of: int) -> None:
        """Move the bar of one piece of work."""
        if self._bar:
            if name not in self._tasks:
                self._tasks[name] = self._bar.add_task(name, total=of or None)
            self._bar.update(self._tasks[name], completed=done, total=of or None)


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
OUT = click.option("--out", type=FOLDER, help="Where reports lie; default PRESCARBON_OUT, else ./reports.")
MONTH = click.option("--month", metavar="YYYY-MM", help="Last month of the report; default the newest loaded.")
LEVEL = click.option("--level", default="practice", help="practice, pcn, sub-icb or icb.")
ORGANISATION = click.option("--organisation", metavar="CODE", help="One organisation alone.")
logging.getLogger("fontTools").setLevel(logging.ERROR)
