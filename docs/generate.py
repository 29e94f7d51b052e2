"""Writes docs/reference/commands.md and tables.md, and the bridge table in docs/explanation/factors.md; `make docs`.

All from the program and its reference folder; a test fails where they differ.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
from click.testing import CliRunner

from prescarbon.cli.app import cli
from prescarbon.pipeline.switching import count_matrix
from prescarbon.reference.bridge import bridge, reason
from prescarbon.reference.definitions import read_reference
from prescarbon.tables.dictionary import data_dictionary

HERE = Path(__file__).parent / "reference"
MATRIX_DAY = date(2026, 11, 24)
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


WHY = {
    "unknown": "a code, the doses of a device, or any text about the target is not in the reference",
    "steroid": "the inhaled steroid would be lost",
    "class": "another kind of treatment would be put in its place",
    "dose": "the daily dose would not stay within its category, or nobody says what stands for what",
    "puffs": "no whole number of puffs gives that dose, or more a day than the target's text allows",
    "MART": "the target is not known to be licensed for it, and the source may be used for it",
    "AIR": "the target is not known to be licensed for it, and the source is",
    "licence": "no disease that both are licensed for",
    "child": "a strength for children, who keep a pressurised inhaler licensed under 12",
    "device": "breath-actuated for somebody who may not press and breathe at once",
    "propellant": "it warms more, is not known, or the source is low-carbon already",
    "formulary": "the target is not on the shipped formulary, or its row is overdue",
    "same": "source and target are one product",
}


def pair_matrix_page() -> str:
    """How many pairs the guards refuse and let through on the day the shipped formulary was read, by reason."""
    reference = read_reference()
    counted = count_matrix(reference, MATRIX_DAY)
    listed = {guard.id: guard.reason for guard in reference.switches.guards}
    reasons = [f"| {kind} | {number:,} | {(WHY | listed)[kind]} |" for kind, number in counted["by reason"].items()]
    return "\n".join(
        [
            f"All {counted['presentations']} inhaled presentations of {MATRIX_DAY:%B %Y}, each as source against each as target, device "
            "for device and at the ratio that keeps the dose. One pair may be refused for several reasons. Of what is let "
            "through nothing is suggested by that alone: it needs a rule that a committee signed. Ask for any pair with "
            "`prescarbon rules try FROM TO --ratio R`.",
            "",
            "| pairs | |",
            "|---|---|",
            f"| refused | {counted['refused']:,} |",
            f"| let through | {counted['let through']:,} |",
            f"| of these, device for device | {counted['like for like']:,} |",
            "",
            "| refused by | pairs | because |",
            "|---|---|---|",
            *reasons,
        ]
    )


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
        "pair-matrix.md": "# Every inhaler against every inhaler\n\n" + head + pair_matrix_page() + "\n",
        FACTORS: with_bridge((HERE / FACTORS).read_text("utf-8")),
        "tables.md": "# Tables\n\n" + head + "\n".join(data_dictionary()) + "\n",
    }


if __name__ == "__main__":
    for file_name, text in pages().items():
        (HERE / file_name).write_text(text, "utf-8")
