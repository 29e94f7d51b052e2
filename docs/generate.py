"""Writes docs/reference/commands.md and tables.md from the program itself; `make docs`. A test fails where they differ."""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from prescarbon.cli.app import cli
from prescarbon.tables.dictionary import data_dictionary

HERE = Path(__file__).parent / "reference"


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


def pages() -> dict[str, str]:
    """File name → text."""
    head = "Made by `make docs`; do not edit.\n\n"
    return {
        "commands.md": "# Commands\n\n" + head + "\n".join(commands(cli, "prescarbon")) + "\n",
        "tables.md": "# Tables\n\n" + head + "\n".join(data_dictionary()) + "\n",
    }


if __name__ == "__main__":
    for file_name, text in pages().items():
        (HERE / file_name).write_text(text, "utf-8")
