"""Reads returned sheets into signoff.csv: every sheet good or nothing written, and one sentence for each wrong cell."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import Fault, InputError, refuse
from prescarbon.pipeline.rule_standing import signed_file
from prescarbon.reference.content import SHOWN_DIGITS, canonical, hash_of_content
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.reference.local_folder import SIGNOFF, local_folder
from prescarbon.reference.sheets import Sheet, no_sheet, parse_csv, type_rows
from prescarbon.reference.signoff import (
    Decision,
    SignoffRow,
    day,
    decisions_of,
    signoff_faults,
    standing_decisions,
    today,
)
from prescarbon.report.views.rule_sheet import ANSWERS, COVER, HASH_LABEL, RULE_LABEL
from prescarbon.source.returned_sheets import ReturnedSheet, read_returned
from prescarbon.store.atomic import StoreError, alone, publishing, writing_to

COLUMNS = tuple(SignoffRow.model_fields)
DAYS = ("date", "review_by")
WAYS_TO_WRITE_A_DAY = ("%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%d %b %Y")


@dataclass(frozen=True)
class Returned:
    """What came back of one rule: its cells as text by column of signoff.csv, and how a fault names each place."""

    name: str
    line: int
    cells: Mapping[str, str | None]
    places: Mapping[str, str]

    @property
    def is_blank(self) -> bool:
        """True where nothing is filled in."""
        return not any(self.cells.get(key) for key in ANSWERS)


def sign_rules(config: Config, file: Path) -> dict[str, Any]:
    """Append the decisions of a returned workbook or CSV to signoff.csv: signed [rule_id, decision, …], blank (sheets).

    What was decided on is kept beside, so that `rules diff` can say what changed since.

    Raises:
        InputError: naming every wrong cell; then nothing is written.
        StoreError: the local folder cannot be written to.
    """
    reference = reference_of(config)
    returned = read_sheets(file)
    filled = [one for one in returned if not one.is_blank]
    if not filled:
        raise InputError("no sheet of it is filled in.", where=file.name, remedy="Fill in the boxes of a rule.")
    typed = [(one, _typed(one)) for one in filled]
    faults = [fault for one, sheet in typed for fault in (*_named(sheet.faults, one), *_against(one, sheet, reference))]
    refuse([*faults, *_twice(filled)], InputError, "Nothing was written.")
    new = [replace(d, content_hash=_whole(reference, d)) for _, sheet in typed for d in decisions_of(sheet)]
    keep_decisions(config, reference, new)
    told = [{"rule_id": d.rule_id, "decision": d.decision, "body": d.body, "date": d.date} for d in new]
    return {"signed": told, "blank": len(returned) - len(filled)}


def read_sheets(file: Path) -> list[Returned]:
    """What came back, by rule.

    Raises:
        InputError: it is neither a workbook nor a CSV of ours.
    """
    if file.suffix.lower() == ".xlsx":
        sheets = [sheet for sheet in read_returned(file) if sheet.name != COVER and sheet.cells]
        faults = [fault for sheet in sheets for fault in _odd_sheet(file.name, sheet)]
        refuse(faults, InputError, "Nothing was written.")
        return [_of_sheet(file.name, sheet) for sheet in sheets]
    if file.suffix.lower() == ".csv":
        table, lines, faults = parse_csv(file.read_bytes(), file.name)
        columns = {*table.columns} ^ {*COLUMNS}
        if not faults and columns - {"note"}:
            faults = [Fault(file.name, 1, c, "", "is missing or is no column of signoff.csv") for c in sorted(columns)]
        refuse(faults, InputError, "Nothing was written.")
        rows = zip(lines, table.to_dicts(), strict=True)
        return [Returned(file.name, line, row, {c: c for c in COLUMNS}) for line, row in rows]
    raise InputError("is neither .xlsx nor .csv.", where=file.name, remedy="Save it as one of them.")


def _rows_by_label(sheet: ReturnedSheet) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, row in enumerate(sheet.cells):
        if row and row[0]:
            found.setdefault(row[0], []).append(at)
    return found


def _odd_sheet(file: str, sheet: ReturnedSheet) -> Iterator[Fault]:
    """A sheet that cannot be read as one of ours: a label gone, or there twice."""
    rows = _rows_by_label(sheet)
    for label in (RULE_LABEL, HASH_LABEL, *ANSWERS.values()):
        if (times := len(rows.get(label, ()))) != 1:
            said = "is not in column A: is this a sheet of ours?" if not times else "stands twice in column A"
            yield Fault(f"{file}, sheet {sheet.name}", 0, label, "", said)


def _of_sheet(file: str, sheet: ReturnedSheet) -> Returned:
    rows = _rows_by_label(sheet)
    labels = {"rule_id": RULE_LABEL, "content_hash": HASH_LABEL, **ANSWERS}
    at = {key: rows[label][0] for key, label in labels.items()}
    cells = {key: sheet.cells[row][1] if len(sheet.cells[row]) > 1 else None for key, row in at.items()}
    places = {key: f"B{row + 1} ({labels[key]})" for key, row in at.items()}
    return Returned(f"{file}, sheet {sheet.name}", 0, cells, places)


def _typed(one: Returned) -> Sheet:
    cells = {key: one.cells.get(key) for key in COLUMNS}
    row = {key: _iso(text) if key in DAYS and text else text for key, text in cells.items()}
    table = pl.DataFrame([row], schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    sheet = type_rows(table, (one.line,), one.name, SignoffRow)
    faults = sheet.faults or tuple(signoff_faults(sheet, today()))
    return no_sheet(one.name, SignoffRow, *faults) if faults else sheet


def _iso(text: str) -> str:
    """A day as people write it in England, as 2026-10-05; what is none stays as it is and is refused by its text."""
    for way in WAYS_TO_WRITE_A_DAY:
        try:
            return datetime.strptime(" ".join(text.split()), way).date().isoformat()  # noqa: DTZ007 — a day has no zone
        except ValueError:
            continue
    return text


def _named(faults: Sequence[Fault], one: Returned) -> list[Fault]:
    """The faults by the place that whoever filled it in can see."""
    return [replace(fault, column=one.places.get(fault.column, fault.column)) for fault in faults]


def _against(one: Returned, sheet: Sheet, reference: Reference) -> Iterator[Fault]:
    """Held against the rules as they are, and against what was decided before."""
    rule_id, content_hash = one.cells.get("rule_id") or "", one.cells.get("content_hash") or ""
    content = reference.contents.get(rule_id)
    if content is None:
        yield _fault(one, "rule_id", rule_id, "is no rule of reference/switches")
        return
    is_whole = not any(fault.column == "content_hash" for fault in sheet.faults)
    if is_whole and not hash_of_content(content).startswith(content_hash):
        reason = f"is not the rule as it is now: print it again with `prescarbon rules pack --rule {rule_id}`"
        yield _fault(one, "content_hash", content_hash[:SHOWN_DIGITS], reason)
    before = standing_decisions(reference.decisions).get(rule_id)
    for decided in decisions_of(sheet):
        if before and decided.date <= before.date:
            reason = f"does not come after the decision of {day(before.date)} that stands in {SIGNOFF}"
            yield _fault(one, "date", str(decided.date), reason)


def _twice(filled: Sequence[Returned]) -> Iterator[Fault]:
    seen: set[str | None] = set()
    for one in filled:
        if one.cells.get("rule_id") in seen:
            yield _fault(one, "rule_id", one.cells.get("rule_id") or "", "stands on two sheets: decide once")
        seen.add(one.cells.get("rule_id"))


def _fault(one: Returned, key: str, value: str, reason: str) -> Fault:
    return Fault(one.name, one.line, one.places[key], value, reason)


def _whole(reference: Reference, decided: Decision) -> str:
    """All digits of the hash: a sheet may carry the printed ones alone."""
    return hash_of_content(reference.contents[decided.rule_id])


def keep_decisions(config: Config, reference: Reference, new: Sequence[Decision]) -> None:
    """signoff.csv with the new rows below the old, whole or as it was; the contents first, so that none is missing.

    Raises:
        StoreError: the local folder cannot be written to, or signoff.csv changed since the reference was read.
    """
    folder = local_folder(config.home, config.local)
    with writing_to(folder, "Choose another folder with --home."), alone(folder):
        if reference_of(config).decisions != reference.decisions:
            raise StoreError("was written to meanwhile.", where=SIGNOFF, remedy="Sign again.")
        for decided in new:
            file = signed_file(folder, decided.rule_id, decided.content_hash)
            file.parent.mkdir(exist_ok=True)
            with publishing(file) as draft:
                draft.write_text(canonical(reference.contents[decided.rule_id]), "utf-8", newline="\n")
        with publishing(folder / SIGNOFF) as draft:
            draft.write_text(written([*reference.decisions, *new]), "utf-8", newline="\n")


def written(decisions: Sequence[Decision]) -> str:
    """Decisions as the text of a signoff.csv."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(decided, key)) for key in COLUMNS] for decided in decisions)
    return out.getvalue()


def _cell(value: object) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
