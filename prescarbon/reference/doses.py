"""Rows of reference/doses.csv and of the three small files beside it, and what the guards read of them."""

from collections.abc import Iterator
from typing import Annotated, Any

import polars as pl

from prescarbon.errors import Fault
from prescarbon.model.opportunities.doses import COMPONENTS, DoseBook, dose_facts
from prescarbon.reference.cells import Code, Count, Date, Flag, NotNegative, Row, Text, one_of
from prescarbon.reference.files import Files
from prescarbon.reference.sheets import Sheet, rows_of

BASES = ("metered", "delivered")
PARTICLES = ("standard", "extrafine")
ANSWERS = ("yes", "no")
Answer = Annotated[str, one_of(ANSWERS)]


class DoseOfRow(Row):
    """doses.csv: what one dose of an inhaled presentation holds, its regimens and licence; empty is not found.

    substances, metered_mcg, delivered_mcg  joined with "+", in one order
    label_basis            which of the two the name prints
    particle               of beclometasone: extrafine counts for 2 to 2.5 of standard; empty is not known
    ics_category           dose category as the guideline named in the cell places it, with its date
    text_date, source_url  of the text that was read; without an address only the name was read: no target
    """

    KEY = ("bnf_code",)
    bnf_code: Code
    product_name: Text
    substances: Text
    metered_mcg: Text | None
    delivered_mcg: Text | None
    label_basis: Annotated[str, one_of(BASES)] | None
    particle: Annotated[str, one_of(PARTICLES)] | None
    doses_per_device: Count | None
    adult_regimens: Text | None
    child_regimens: Text | None
    usual_puffs_a_day: Count | None
    max_puffs_a_day: Count | None
    max_words: Text | None
    ics_category: Text | None
    is_paediatric_strength: Flag
    asthma: Answer | None
    copd: Answer | None
    asthma_from_age: Count | None
    copd_from_age: Count | None
    indications: Text | None
    age_words: Text | None
    mart: Answer | None
    mart_from_age: Count | None
    mart_words: Text | None
    air: Answer | None
    air_from_age: Count | None
    device_notes: Text | None
    text_date: Text | None
    source_url: Text | None
    second_source_url: Text | None
    note: Text | None


class SubstanceRow(Row):
    """substances.csv: what each substance is in an inhaler."""

    KEY = ("substance",)
    substance: Text
    component: Annotated[str, one_of(COMPONENTS)]


class PotencyRow(Row):
    """potency.csv: micrograms of standard beclometasone that one microgram stands for; where sources differ, both ends."""

    KEY = ("substance", "particle", "basis")
    substance: Text
    particle: Annotated[str, one_of(PARTICLES)] | None
    basis: Annotated[str, one_of(BASES)]
    bdp_low: NotNegative
    bdp_high: NotNegative
    words: Text
    source_url: Text


class DoseBandRow(Row):
    """dose-bands.csv: least and most micrograms of standard beclometasone a day that a guideline's step holds."""

    KEY = ("category",)
    category: Annotated[str, one_of(("low", "moderate", "high"))]
    bdp_from: NotNegative
    bdp_to: NotNegative
    source_date: Date
    source_url: Text
    words: Text


SHEETS: dict[str, type[Row]] = {
    "doses.csv": DoseOfRow,
    "substances.csv": SubstanceRow,
    "potency.csv": PotencyRow,
    "dose-bands.csv": DoseBandRow,
}


def _sheet(files: Files, name: str) -> Sheet:
    return files.sheet(files.root / name, SHEETS[name])


def dose_sheet_faults(files: Files) -> list[Fault]:
    """Faults of the four files, each by itself and against each other."""
    sheets = [_sheet(files, name) for name in SHEETS]
    faults = [fault for sheet in sheets for fault in sheet.faults]
    return faults or list(dose_faults(sheets[0], sheets[1]))


def facts_of(files: Files) -> pl.DataFrame:
    """What `doses.dose_facts` returns, from the files."""
    doses, substances, potency = (rows_of(_sheet(files, f"{n}.csv")) for n in ("doses", "substances", "potency"))
    return dose_facts(doses.lazy(), substances.lazy(), potency.lazy()).collect()


def facts_by_code(files: Files) -> dict[str, dict[str, Any]]:
    """bnf_code → its row of `facts_of`."""
    return {row["bnf_code"]: row for row in facts_of(files).to_dicts()}


def bands_of(files: Files) -> dict[str, tuple[float, float]]:
    """Dose category → least and most micrograms of standard beclometasone a day."""
    rows = rows_of(_sheet(files, "dose-bands.csv")).select("category", "bdp_from", "bdp_to").iter_rows()
    return {category: (low, high) for category, low, high in rows}


def dose_book_of(files: Files, gwp100: pl.LazyFrame) -> DoseBook:
    """What the guards read; a daily dose is the same within the widest of the bands.

    gwp100  propellant, gwp100
    """
    return DoseBook(facts_of(files).lazy(), gwp100, max(high / low for low, high in bands_of(files).values()))


def dose_faults(doses: Sheet, substances: Sheet) -> Iterator[Fault]:
    """What doses.csv and substances.csv do not agree on: unlisted substances, strengths that are not as many as these."""
    known = set(substances.rows["substance"])
    for row in doses.numbered.select("line", "substances", "metered_mcg", "delivered_mcg").iter_rows(named=True):
        held = row["substances"].split("+")
        for odd in sorted(set(held) - known):
            yield Fault(doses.name, row["line"], "substances", odd, "is no substance of substances.csv")
        for column in ("metered_mcg", "delivered_mcg"):
            text = row[column]
            if text is None:
                continue
            numbers = text.split("+")
            if len(numbers) != len(held) or not all(n.replace(".", "", 1).isdigit() for n in numbers):
                yield Fault(doses.name, row["line"], column, text, f"should be {len(held)} strengths joined with +")
