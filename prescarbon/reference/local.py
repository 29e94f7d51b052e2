"""The user's own files: products off the list, campaigns, KPI returns, successors, the log of actions, lists of codes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl

from prescarbon.errors import Fault, InputError, refuse
from prescarbon.reference.cells import ORGANISATION, Code, Date, Number, Organisation, Row, Text, one_of
from prescarbon.reference.files import Files
from prescarbon.reference.sheets import Sheet, rows_of
from prescarbon.tables.organisations import MEASURE_LEVELS


class ExcludedRow(Row):
    """A product off the list for a while (a shortage): EXCLUDED_SCHEMA."""

    MAY_BE_EMPTY = True
    KEY = ("bnf_code", "off_from")
    SPAN = ("off_from", "off_to")
    bnf_code: Code
    off_from: Date
    off_to: Date
    reason: Text | None


class CampaignRow(Row):
    """A campaign begun or finished; the list then shows what is left beside what was."""

    MAY_BE_EMPTY = True
    KEY = ("rule_id", "started")
    rule_id: Text
    started: Date
    note: Text | None


class ReturnRow(Row):
    """A KPI value somebody sent in."""

    MAY_BE_EMPTY = True
    KEY = ("organisation_code", "level", "period_start", "period_end", "kpi_id")
    SPAN = ("period_start", "period_end")
    organisation_code: Text
    level: Annotated[str, one_of(MEASURE_LEVELS.categories.to_list())]
    period_start: Date
    period_end: Date
    kpi_id: Text
    value: Number


class SuccessorRow(Row):
    """A practice that closed and the practice that took its people over; merged_on empty: the day after it closed."""

    MAY_BE_EMPTY = True
    KEY = ("practice_code",)
    practice_code: Organisation
    successor_code: Organisation
    merged_on: Date | None


class ActionRow(Row):
    """What a practice began, when, and whose role owns it: ACTIONS_SCHEMA."""

    MAY_BE_EMPTY = True
    KEY = ("practice_code", "rule_id", "started")
    practice_code: Organisation
    rule_id: Text
    started: Date
    owner_role: Text | None


@dataclass(frozen=True)
class LocalFiles:
    """The user's own files about switches, KPIs and practices; None where there is none.

    code_lists  what the scope names
    signoff, overrides, actions  of the local folder alone
    """

    formulary: Path | None = None
    excluded_products: Path | None = None
    campaigns: Path | None = None
    kpi_returns: Path | None = None
    successors: Path | None = None
    code_lists: tuple[Path, ...] = ()
    signoff: Path | None = None
    overrides: Path | None = None
    actions: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that the user names."""
        own = (*self.laid_over, self.kpi_returns, *self.code_lists)
        return tuple(file for file in own if file is not None)

    @property
    def laid_over(self) -> tuple[Path, ...]:
        """Those that change the shipped definitions: part of the reference data of a run."""
        own = (self.formulary, self.excluded_products, self.campaigns, self.successors, self.overrides, self.signoff)
        return tuple(file for file in own if file is not None)


def unknown_cells(sheet: Sheet, column: str, known: Collection[str], reason: str) -> list[Fault]:
    """A fault for each cell of a column that holds what nobody declares."""
    odd = sheet.numbered.filter(pl.col(column).is_not_null() & ~pl.col(column).cast(pl.String).is_in(list(known)))
    return [Fault(sheet.name, line, column, str(text), reason) for line, text in odd.select("line", column).iter_rows()]


def unknown_rules(sheet: Sheet, rule_ids: Collection[str]) -> list[Fault]:
    """A fault for each rule_id of a sheet that is no rule."""
    return unknown_cells(sheet, "rule_id", rule_ids, "is no rule of reference/switches")


def circles(sheet: Sheet) -> list[Fault]:
    """A fault for each practice whose successors lead back to it."""
    rows = sheet.numbered.select("line", "practice_code", "successor_code").rows()
    next_of = {code: successor for _, code, successor in rows}
    return [
        Fault(sheet.name, line, "successor_code", successor, f"leads back to {code}")
        for line, code, successor in rows
        if code in _line_from(code, next_of)
    ]


def _line_from(code: str, next_of: Mapping[str, str]) -> list[str]:
    """The successors of a practice one after the other, each once."""
    line: list[str] = []
    while (code := next_of.get(code, "")) and code not in line:
        line.append(code)
    return line


def read_actions_log(file: Path, rule_ids: Collection[str]) -> pl.LazyFrame:
    """What practices began, when, and whose role owns it: practice_code, rule_id, started, owner_role.

    rule_ids  what a rule may be

    Raises:
        InputError: every wrong cell, its line and column.
    """
    sheet = Files(file.parent).sheet(file, ActionRow)
    rows = rows_of(sheet, InputError)
    refuse(unknown_rules(sheet, rule_ids), InputError)
    return rows.lazy()


def read_codes(files: Files, file: Path) -> tuple[tuple[str, ...], list[Fault]]:
    """Codes of a list named in the scope: one a line, "#" begins a remark; and its faults."""
    try:
        lines = files.bytes_of(file).decode("utf-8-sig").splitlines()
    except OSError as error:
        return (), [Fault(file.name, 0, "", "", f"this list of codes cannot be read ({error.strerror or error})")]
    except UnicodeDecodeError:
        return (), [Fault(file.name, 1, "", "", "this list of codes cannot be read: it is not UTF-8 text")]
    found = [(n, code) for n, text in enumerate(lines, start=1) if (code := text.partition("#")[0].strip())]
    if not found:
        return (), [Fault(file.name, 1, "", "", "this list holds no code: write one practice code a line")]
    return tuple(code for _, code in found), [
        Fault(file.name, n, "", code, "is no code of an organisation, like K81001")
        for n, code in found
        if not ORGANISATION.fullmatch(code.upper().rpartition(":")[2])
    ]
