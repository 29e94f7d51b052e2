"""Writes docs/reference/commands.md and tables.md, and the bridge table in docs/explanation/factors.md; `make docs`.

All from the program and its reference folder; a test fails where they differ.
"""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from prescarbon.cli.app import cli
from prescarbon.reference.bridge import bridge, reason
from prescarbon.reference.definitions import read_reference
from prescarbon.tables.dictionary import data_dictionary

HERE = Path(__file__).parent / "reference"
FACTORS = "../explanation/factors.md"
STARTS, ENDS = "<!-- made by `make docs`: bridge -->\n", "<!-- end of bridge -->"
BASIS = "AR6"
PUBLISHERS = {"nhse-iif-es02": "NHS England, ES-02", "prescqipp-b375": "PrescQIPP 375"}


def commands(command: click.Command, words: str) -> Iterator[str]:
    """Every command with its help as Markdown."""
    asked = CliRunner().invoke(cli, [*words.split()[1:], "--help"], prog_name="prescarbon", terminal_width=100)
    yield f"## {words}"
    yield "```text"
    yield asked.stdout.rstrip()
    yield "```"
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from commands(child, f"{words} {name}")


def bridge_table() -> Iterator[str]:
    """The printed value and ours of every product that NHS England or PrescQIPP prints, once for all its codes."""
    yield "| inhaler | printed, kg CO2e | by | ours, kg CO2e | why |"
    yield "|---|---|---|---|---|"
    rows = bridge(read_reference(), BASIS).collect().to_dicts()
    lines = [
        f"| {row['product_name']} | {row['kg_printed']:.2f} | {PUBLISHERS[row['factor_set']]} | {row['kg_co2e']:.2f} | "
        f"{reason(row, BASIS)} |"
        for row in rows
    ]
    yield from dict.fromkeys(lines)


def with_bridge(page: str) -> str:
    """The page of factors with the table as it is today."""
    before, _, rest = page.partition(STARTS)
    return before + STARTS + "\n".join(bridge_table()) + "\n" + ENDS + rest.partition(ENDS)[2]


def pages() -> dict[str, str]:
    """File name → text."""
    head = "Made by `make docs`; do not edit.\n\n"
    return {
        "commands.md": "# Commands\n\n" + head + "\n".join(commands(cli, "prescarbon")) + "\n",
        FACTORS: with_bridge((HERE / FACTORS).read_text("utf-8")),
        "tables.md": "# Tables\n\n" + head + "\n".join(data_dictionary()) + "\n",
    }


if __name__ == "__main__":
    for file_name, text in pages().items():
        (HERE / file_name).write_text(text, "utf-8")
