"""What a measure is, and how a raw definition becomes one: every key and value is judged here, no file is read.

A definition is a TOML table (reference/measures/README.md says each key). A term is one sum over rows of FOOTPRINT
that meet its conditions: `where` is one table of conditions that all hold, or a list of such tables of which one holds.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from prescarbon.tables.prescribing import METHODS, READS_AS
from prescarbon.tables.products import DEVICES, DRUG_CLASSES, PROPELLANTS

Values: TypeAlias = tuple[str, ...] | bool
Conditions: TypeAlias = tuple[tuple[str, Values], ...]

SUMS = ("items", "total_quantity", "inhalers", "devices", "nic_gbp", "kg_co2e", "patients")
CLOSED_LISTS = {
    "device_type": DEVICES,
    "drug_class": DRUG_CLASSES,
    "propellant": PROPELLANTS,
    "reads_as": READS_AS,
    "method": METHODS,
}
FLAGS = ("is_brand_known", "is_reusable", "has_factor")
LISTS = ("codes", "codes_or_generic")
CODES = ("bnf_prefix", "bnf_code")
CONDITIONS = (*CLOSED_LISTS, *FLAGS, *LISTS, *CODES)


@dataclass(frozen=True)
class Term:
    """One sum: which column, over rows that meet one of the alternatives, times a weight by code where there is one."""

    sum: str
    where: tuple[Conditions, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Break:
    """A month from which the series is not the same as before, and why; limits start anew where is_rebase is true."""

    month: date
    words: str
    is_rebase: bool


@dataclass(frozen=True)
class Gates:
    """From how many (of `counts`, else of the denominator) a value is ranked or shown, and over how many months."""

    ranked: int
    shown: int
    months: int
    list_size: int = 0
    counts: Term | None = None


@dataclass(frozen=True)
class Measure:
    """One measure, checked. value = scale × numerator ÷ denominator, or scale × numerator where there is none."""

    id: str
    title: str
    asks: str
    unit: str
    direction: str
    windows: tuple[int, ...]
    source_id: str
    vintage: date
    label: str
    gates: Gates
    numerator: Term
    denominator: Term | None = None
    scale: int = 1
    settings: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()
    split: tuple[str, tuple[str, ...]] | None = None
    notes: str = ""

    @property
    def is_per_patient(self) -> bool:
        """True where list sizes are the denominator."""
        return self.denominator is not None and self.denominator.sum == "patients"

    @property
    def grows_with_days(self) -> bool:
        """True for a count, and for a count per head: more of it in a month with more dispensing days. No share or mean is."""
        return self.denominator is None or self.is_per_patient

    @property
    def counts(self) -> Term:
        """What the gates count."""
        return self.gates.counts or self.denominator or self.numerator


def expand(measure: Measure) -> tuple[Measure, ...]:
    """A measure with `split` as one measure for each value, the rest as it is.

    The value joins the id (kg_by_device and pMDI give kg_by_device_pmdi), the title and the numerator's conditions.
    """
    if measure.split is None:
        return (measure,)
    column, values = measure.split
    return tuple(
        replace(
            measure,
            id=f"{measure.id}_{value.lower().replace('-', '_')}",
            title=f"{measure.title}: {value}",
            numerator=replace(
                measure.numerator,
                where=tuple((*conditions, (column, (value,))) for conditions in measure.numerator.where),
            ),
            split=None,
        )
        for value in values
    )
