"""The command group, the options that commands share, and what a command may print."""

import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from prescarbon import __version__
from prescarbon.config import GWP_BASES, config_and_faults, parse_month, refuse_settings
from prescarbon.errors import PrescarbonError
from prescarbon.manifest import to_json

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
TABLE = click.Path(dir_okay=False, path_type=Path)


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


SHARED = {
    "scope": click.option(
        "--scope", help="all, gp, blmk, or codes with commas: K81001, pcn:…, sub-icb:…, icb:…, file:…."
    ),
    "factor_set": click.option("--factor-set", help="Factor set for totals; default harmonised."),
    "gwp_basis": click.option(
        "--gwp-basis", type=click.Choice(GWP_BASES), help="IPCC report of the GWP100; default AR6."
    ),
    "as_of": click.option(
        "--as-of", metavar="YYYY-MM-DD", help="Day on which rules, formulary and supply are read; default today."
    ),
}
FIGURES = ("scope", "factor_set", "gwp_basis")  # what every figure depends on
DATED = (*FIGURES, "as_of")  # what a rule says depends on


def command(
    group: click.Group = cli, name: str | None = None, *, obeys: Sequence[str] = (), tells_faults: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that is given a Config and a Say.

    obeys         which of the SHARED options change its answer: the others it does not take
    tells_faults  it is given the faults of the configuration too; any other command is refused for them
    """

    def wrap(function: Callable[..., Any]) -> click.Command:
        @click.option("--config", "config_file", type=FILE, help="Configuration file; default ./prescarbon.toml.")
        @click.option("--home", type=FOLDER, help="Where the store lies; default PRESCARBON_HOME.")
        @click.option("--quiet", "-q", is_flag=True, help="Print results only.")
        @functools.wraps(function)
        def run(config_file: Path | None, quiet: bool, **given: Any) -> Any:
            own = {key: given.pop(key, None) for key in ("home", "out", *obeys)}
            config, faults = config_and_faults(config_file, **own)
            if tells_faults:
                given["faults"] = faults
            else:
                refuse_settings(faults)
            return function(config, Say(quiet=quiet), **given)

        for option in reversed(obeys):
            run = SHARED[option](run)
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

    def answer(self, value: Any, lines: Callable[[], str], *, as_json: bool) -> None:
        """A result as JSON, or as lines."""
        self.result(to_json(value).rstrip() if as_json else lines())

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
MONTH = click.option(
    "--month",
    metavar="YYYY-MM",
    help="Last month; default the newest loaded.",
    callback=lambda _context, _option, text: parse_month(text) if text is not None else None,
)
TO = click.option("--to", type=TABLE, help="Write CSV, Parquet or JSON by the ending.")
TO_BOOK = click.option("--to", type=TABLE, help="Write CSV, XLSX, Parquet or JSON by the ending.")
LEVEL = click.option("--level", default="practice", help="practice, pcn, sub-icb or icb.")
LEVEL_OR_PLACE = click.option("--level", default="practice", help="practice, pcn, sub-icb, icb or place.")
ORGANISATION = click.option("--organisation", metavar="CODE", help="One organisation alone.")
logging.getLogger("fontTools").setLevel(logging.ERROR)
