"""The keys of a rule, of a guard and of the dose categories: their kinds, and what is judged of one part by itself."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from prescarbon.reference.keys import (
    Address,
    AtLeastOne,
    Filled,
    FilledList,
    FilledPageWords,
    ListOf,
    NotNegative,
    Number,
    PageWords,
    Part,
    Pattern,
    among,
)
from prescarbon.tables.opportunities import EFFORTS, RULE_KINDS
from prescarbon.tables.products import DEVICES, DRUG_CLASSES, PROPELLANTS
from prescarbon.tables.schema import FOREVER

DOSE_CATEGORIES = ("low", "moderate", "high", "one dose only", "not applicable")
COMMITMENTS = ("a", "b", "c")
INDICATIONS = ("asthma", "COPD")
Classes = ListOf[Annotated[str, among(DRUG_CLASSES)]]
Patterns = ListOf[Pattern]
Category = Annotated[str, among(DOSE_CATEGORIES)]


def _equivalence(ratio: float) -> float:
    if ratio <= 0:
        raise ValueError("is no dose equivalence: target units for one source unit, above 0")
    return ratio


def _above(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0")
    return value


Ratio = Annotated[Number, AfterValidator(_equivalence)]
Above = Annotated[Number, AfterValidator(_above)]


class FromPart(Part):
    """[from]."""

    words: FilledPageWords
    codes: Patterns = ()
    drug_class: Classes = ()
    device_type: ListOf[Annotated[str, among(DEVICES)]] = ()
    propellant: ListOf[Annotated[str, among(PROPELLANTS)]] = ()
    unit: Filled = "inhalers"

    @model_validator(mode="after")
    def _some(self) -> "FromPart":
        if not (self.codes or self.drug_class):
            raise ValueError("names neither codes nor a drug_class")
        return self


class ToPart(Part):
    """[to]."""

    words: PageWords = ""
    codes: Patterns = ()
    pairs: dict[Pattern, Pattern] = Field(default_factory=dict)


class DosePart(Part):
    """[dose]."""

    ratio: Ratio | None = None
    words: PageWords = ""
    category_from: Category = "not applicable"
    category_to: Category = "not applicable"
    from_puffs: Above | None = None
    from_times: Above | None = None
    to_puffs: Above | None = None
    to_times: Above | None = None


def _judge_share(part: "AchievablePart") -> "AchievablePart":
    if not (0 <= part.share <= 1 and part.source.strip()):
        raise ValueError("its share must lie in 0 to 1 and cite its source")
    return part


class AchievablePart(Part):
    """[achievable]."""

    share: Number
    source: str = ""


def _judge_saving(part: "SavingPart") -> "SavingPart":
    if not (part.kg_low <= part.kg_co2e <= part.kg_high and part.source.strip()):
        raise ValueError("must be low ≤ central ≤ high and cite its source")
    return part


class SavingPart(Part):
    """[saving]: kg CO2e a unit."""

    kg_low: Number
    kg_co2e: Number
    kg_high: Number
    source: str = ""


class DurationPart(Part):
    """[duration]."""

    days: AtLeastOne


class PeersPart(Part):
    """[peers]."""

    pool: Classes = ()
    per_list: bool = False


class EvidencePart(Part):
    """[evidence]."""

    words: Filled
    url: Address


class RulePart(Part):
    """One file of reference/switches."""

    id: Filled
    title: FilledPageWords
    kind: Annotated[str, among(RULE_KINDS)]
    family: Filled
    order: NotNegative
    effort: Annotated[str, among(EFFORTS)]
    is_on: bool
    is_like_for_like: bool = False
    commitment: FilledList[Annotated[str, among(COMMITMENTS)]]
    valid_from: date
    valid_to: date = FOREVER
    review_by: date
    indication: ListOf[Annotated[str, among(INDICATIONS)]] = ()
    from_age: NotNegative | None = None
    off_because: PageWords = ""
    excluded: ListOf[PageWords]
    checks: ListOf[PageWords] = ()
    caveats: FilledPageWords
    note: str = ""
    search: PageWords = ""
    alternative_to: Filled | None = None
    from_: Annotated[FromPart, Field(alias="from")]
    to: ToPart = ToPart()
    dose: DosePart = DosePart()
    achievable: Annotated[AchievablePart, AfterValidator(_judge_share)] | None = None
    saving: Annotated[SavingPart, AfterValidator(_judge_saving)] | None = None
    duration: DurationPart | None = None
    peers: PeersPart = PeersPart()
    evidence: EvidencePart


class GuardPart(Part):
    """One [[guard]] of guards.toml: what is never suggested."""

    id: Filled
    reason: Filled
    from_codes: FilledList[Pattern]
    evidence_url: Address
    to_codes: Patterns = ()
    to_devices: ListOf[Annotated[str, among(DEVICES)]] = ()
    at_ratio: Ratio | None = None


class GuardsPart(Part):
    """guards.toml."""

    guard: ListOf[GuardPart] = ()
