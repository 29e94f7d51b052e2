"""Every table that flows: columns, dtype, unit, meaning, grain and rule. The one home of each; prints the data dictionary."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from prescarbon.errors import InputError

Dtype: TypeAlias = pl.DataType | type[pl.DataType]

GBP = pl.Decimal(18, 2)
COST = pl.Decimal(18, 5)
QUANTITY = pl.Decimal(18, 3)
KG = pl.Decimal(18, 6)  # whole milligrams: sums are exact, in any order
EXACT = pl.Decimal(18, 6)  # numerators and denominators of measures

DRUG_CLASSES = pl.Enum(
    [
        "SABA",
        "SAMA",
        "SABA/SAMA",
        "SABA/ICS",
        "LABA",
        "LAMA",
        "LABA/LAMA",
        "ICS",
        "ICS/LABA",
        "triple",
        "mast-cell stabiliser",
    ]
)
DEVICES = pl.Enum(["pMDI", "BAI", "DPI", "SMI", "nebuliser", "spacer", "other"])
PROPELLANTS = pl.Enum(["HFA-134a", "HFA-227ea", "HFA-152a", "HFO-1234ze", "none", "unknown"])
# "many devices": more than nine an item, kept as claimed and flagged; "doses" and "packs": corrected and flagged
READS_AS = pl.Enum(["devices", "many devices", "capsules", "doses", "packs", "not known", "not an inhaler"])
METHODS = pl.Enum(["product", "class", "brand_mix", "spend", "unknown"])
SETTINGS = pl.Enum(["GP practice", "other", "not known"])


@dataclass(frozen=True)
class Column:
    """One column: name, dtype, the data dictionary's sentence, unit, and when a value is good."""

    name: str
    dtype: Dtype
    words: str
    unit: str = ""
    may_be_null: bool = False
    holds: pl.Expr | None = None


@dataclass(frozen=True)
class Table:
    """One table: its name, what makes one row, and its columns."""

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]

    @property
    def schema(self) -> dict[str, Dtype]:
        """Name to dtype, for an empty frame or a literal one."""
        return {c.name: c.dtype for c in self.columns}

    def admit(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with exactly our columns; InputError names every column that is missing or of another type."""
        have = frame.collect_schema()
        wrong = [
            f"{c.name} should be {c.dtype}, is {have.get(c.name, 'missing')}"
            for c in self.columns
            if have.get(c.name) != c.dtype
        ]
        if wrong:
            raise InputError("; ".join(wrong), where=f"table {self.name}")
        return frame.select(self.names)

    def empty(self) -> pl.LazyFrame:
        """No rows, all columns."""
        return pl.LazyFrame(schema=self.schema)


def judge(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Rows plus `reason`: null where the row is good, else the first rule of the table that it breaks."""
    faults = [pl.lit(None, pl.String)]
    for c in table.columns:
        if not c.may_be_null:
            faults.append(pl.when(pl.col(c.name).is_null()).then(pl.lit(f"{c.name} is empty or unreadable")))
        if c.holds is not None:
            faults.append(pl.when(~c.holds).then(pl.lit(f"{c.name} out of range")))
    return rows.with_columns(reason=pl.coalesce(faults))


MONTH = Column("month", pl.Date, "First day of the month the prescriptions were dispensed in.")
PRACTICE = Column("practice_code", pl.String, "ODS code of the practice or cost centre that prescribed.")
BNF = Column(
    "bnf_code",
    pl.String,
    "BNF presentation code as published that month: 15 characters, or 11 digits for an appliance.",
)
VALID_FROM = Column("valid_from", pl.Date, "First day on which the row holds.")
VALID_TO = Column("valid_to", pl.Date, "Last day on which the row holds (inclusive).")
SOURCE = Column("source_id", pl.String, "The source, a section of sources.toml.")

PRESCRIBING = Table(
    "prescribing",
    ("input row",),
    (
        MONTH,
        Column(
            "practice_code",
            pl.String,
            "ODS code of the practice or cost centre that prescribed.",
            holds=pl.col("practice_code").str.len_bytes().is_between(1, 12),
        ),
        Column("practice_name", pl.String, "Name printed on the row.", may_be_null=True),
        Column("bnf_code", pl.String, BNF.words, holds=pl.col("bnf_code").str.len_bytes().is_in([11, 15])),
        Column("snomed_code", pl.String, "SNOMED CT code of the product, where the layout has one.", may_be_null=True),
        Column("presentation_name", pl.String, "Name of the presentation as published."),
        Column("quantity", QUANTITY, "Quantity of one item.", "units an item", holds=pl.col("quantity") >= 0),
        Column("items", pl.Int64, "Prescription items. Never patients.", "items", holds=pl.col("items") >= 0),
        Column("total_quantity", QUANTITY, "Quantity × items.", "units", holds=pl.col("total_quantity") >= 0),
        Column("nic_gbp", GBP, "Net ingredient cost; null where the layout has none.", "£", may_be_null=True),
        Column("actual_cost_gbp", COST, "Actual cost; null where the layout has none.", "£", may_be_null=True),
        Column(
            "sub_icb_code", pl.String, "Sub-ICB location (or CCG) on the row, without trailing 00.", may_be_null=True
        ),
        Column("icb_code", pl.String, "ICB (or STP, area team) on the row.", may_be_null=True),
    ),
)

REJECTS = Table(
    "rejects",
    ("input row",),
    (
        Column("source_file", pl.String, "File the row came from."),
        Column("line", pl.Int64, "Its line in that file, the header being line 1."),
        Column("reason", pl.String, "Why it cannot be used."),
        Column("nic_gbp", GBP, "Its net ingredient cost, where readable.", "£", may_be_null=True),
        Column("row_text", pl.String, "The row as read."),
    ),
)

PRACTICES = Table(
    "practices",
    ("practice_code", "valid_from"),
    (
        PRACTICE,
        Column("practice_name", pl.String, "Name in the organisations file."),
        Column("setting", SETTINGS, "Prescribing setting: epraccur's 4 is a GP practice."),
        Column("pcn_code", pl.String, "Primary care network.", may_be_null=True),
        Column("pcn_name", pl.String, "Its name.", may_be_null=True),
        Column("sub_icb_code", pl.String, "Sub-ICB location (or CCG).", may_be_null=True),
        Column("icb_code", pl.String, "Integrated care board.", may_be_null=True),
        VALID_FROM,
        VALID_TO,
        Column("opened", pl.Date, "Date the practice opened.", may_be_null=True),
        Column("closed", pl.Date, "Date the practice closed; null while open.", may_be_null=True),
    ),
)

LIST_SIZES = Table(
    "list_sizes",
    ("practice_code", "month"),
    (
        PRACTICE,
        MONTH,
        Column("patients", pl.Int64, "People registered with the practice.", "people"),
        Column("is_carried", pl.Boolean, "True where the nearest earlier month was used."),
    ),
)

PRODUCTS = Table(
    "products",
    ("bnf_code", "valid_from"),
    (
        BNF,
        Column("product_name", pl.String, "Name of the presentation."),
        Column("drug_class", DRUG_CLASSES, "Class of the medicine inside; null for a spacer.", may_be_null=True),
        Column("device_type", DEVICES, "How it is inhaled."),
        Column("propellant", PROPELLANTS, "What drives the spray in this period; none where nothing does."),
        Column("brand", pl.String, "Brand name; null for a generic.", may_be_null=True),
        Column("is_brand_known", pl.Boolean, "False where a generic code can be any brand."),
        Column("doses_per_device", pl.Int32, "Doses in a full device.", "doses", may_be_null=True),
        Column(
            "units_per_device",
            pl.Int32,
            "Units of quantity that make one device: 1, or capsules a pack; null where quantity is no count of devices.",
            "units",
            may_be_null=True,
        ),
        Column(
            "pack_price_gbp",
            GBP,
            "Price of one device (or pack of capsules); null where no source gives one.",
            "£",
            may_be_null=True,
        ),
        Column("is_reusable", pl.Boolean, "True where the device takes refills and the code is the refill."),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ),
)

FACTORS = Table(
    "factors",
    ("factor_set", "key", "valid_from"),
    (
        Column("factor_set", pl.String, "harmonised, or the name of a published or imported set."),
        Column("factor_id", pl.String, "Names the factor on pages and in `explain`."),
        Column(
            "key_kind",
            pl.Enum(["product", "class", "brand_mix", "spend"]),
            "What the key is and how the value was come by.",
        ),
        Column("key", pl.String, "A BNF presentation code, or a BNF prefix for spend."),
        Column("kg_low", pl.Float64, "Low end.", "kg CO2e a device, or a £"),
        Column("kg_co2e", pl.Float64, "Central value.", "kg CO2e a device, or a £"),
        Column("kg_high", pl.Float64, "High end.", "kg CO2e a device, or a £"),
        Column("scope", pl.String, "What is counted: whole life cycle, propellant only, supply chain."),
        Column("gwp_basis", pl.String, "IPCC report of the GWP100: AR4, AR5, AR6, or not stated."),
        VALID_FROM,
        VALID_TO,
        SOURCE,
        Column("note", pl.String, "What a reader should know.", may_be_null=True),
    ),
)

ACTIVITY = Table(
    "activity",
    ("month", "practice_code", "bnf_code", "reads_as"),
    (
        MONTH,
        PRACTICE,
        BNF,
        Column("reads_as", READS_AS, "What the quantity counts; see the closed list in docs/explanation/method.md."),
        Column("items", pl.Int64, "Prescription items. Never patients.", "items"),
        Column("total_quantity", QUANTITY, "Σ quantity × items.", "units"),
        Column("nic_gbp", GBP, "Net ingredient cost.", "£", may_be_null=True),
        Column("actual_cost_gbp", COST, "Actual cost.", "£", may_be_null=True),
        Column("rows", pl.Int64, "Input rows summed.", "rows"),
    ),
)

FOOTPRINT = Table(
    "footprint",
    ACTIVITY.grain,
    (
        *ACTIVITY.columns,
        Column("devices", pl.Float64, "Inhalers; null for what is not an inhaler.", "devices", may_be_null=True),
        Column("kg_low", KG, "Low end.", "kg CO2e", may_be_null=True),
        Column("kg_co2e", KG, "Central value; null where no factor holds, never zero.", "kg CO2e", may_be_null=True),
        Column("kg_high", KG, "High end.", "kg CO2e", may_be_null=True),
        Column("method", METHODS, "How the kilograms were come by."),
        Column("factor_id", pl.String, "The factor used.", may_be_null=True),
    ),
)

RULE_KINDS = pl.Enum(
    ["over-use", "product switch", "refill", "device reuse", "duration", "form", "low value", "safety"]
)
EFFORTS = pl.Enum(["low", "medium", "high"])
PRICE_BASES = pl.Enum(["own NIC", "area NIC", "pack price", "none needed", "not known"])
# ranked: passes every gate; shown: makes no carbon claim; listed: fails a gate, which gate_reason names
OPPORTUNITY_GATES = pl.Enum(["ranked", "shown", "listed"])
SCENARIO_WORDS = {
    "theoretical": "if every unit changed",
    "expected": "at the achievable share; null where no source gives one",
    "to_peer": "on reaching the peer group's lower quartile; null without peers",
}

OPPORTUNITIES = Table(
    "opportunities",
    ("level", "organisation_code", "rule_id"),
    (
        Column("level", pl.String, "practice, or the organisation the practices were summed to."),
        Column("organisation_code", pl.String, "Code of the practice, PCN, sub-ICB location or ICB."),
        Column("period_start", pl.Date, "First month summed."),
        Column("period_end", pl.Date, "Last month summed; factors, formulary and guards are those of this month."),
        Column("rule_id", pl.String, "The rule in reference/switches."),
        Column("title", pl.String, "What the rule suggests, in a line."),
        Column("kind", RULE_KINDS, "Kind of action."),
        Column("family", pl.String, "Rules of one family concern the same medicines."),
        Column("from_codes", pl.String, "BNF codes found here that the rule speaks of, with a blank between."),
        Column("to_codes", pl.String, "BNF codes of the targets on the formulary.", may_be_null=True),
        Column("from_words", pl.String, "What it is about, in the rule's words."),
        Column(
            "to_words",
            pl.String,
            "Name of the target on the formulary, or what the rule asks for instead.",
            may_be_null=True,
        ),
        Column("unit_name", pl.String, "What `units` counts: inhalers, pens, units of quantity."),
        Column("items", pl.Int64, "Prescription items concerned. Never patients.", "items"),
        Column("units", pl.Float64, "Inhalers, pens or units of quantity concerned.", "units"),
        Column("units_without_kg", pl.Float64, "Of these, units whose saving is unknown: no factor.", "units"),
        Column(
            "units_before",
            pl.Float64,
            "Units in as many months just before the campaign began.",
            "units",
            may_be_null=True,
        ),
        *(
            Column(
                f"kg_{s}{counted}{end}", KG, f"{end_words} saving {words}{counted_words}.", "kg CO2e", may_be_null=True
            )
            for s, words in SCENARIO_WORDS.items()
            for counted, counted_words in (
                ("", ""),
                ("_counted", "; only units that no earlier rule has counted: add these up"),
            )
            for end, end_words in (("_low", "Low"), ("", "Central"), ("_high", "High"))
        ),
        *(
            Column(f"cost_change_{s}_gbp", GBP, f"Change in NIC {words}; a fall is negative.", "£", may_be_null=True)
            for s, words in SCENARIO_WORDS.items()
        ),
        Column(
            "price_basis", PRICE_BASES, "Where the target's price comes from (the weakest, over several practices)."
        ),
        Column("price_date", pl.Date, "Date of that price.", may_be_null=True),
        Column(
            "target_units",
            pl.Float64,
            "Units of the rule's targets already prescribed here.",
            "units",
            may_be_null=True,
        ),
        Column(
            "supplies_avoided",
            pl.Float64,
            "Fewer supplies by a longer duration; trips fall, waste may rise.",
            "items",
            may_be_null=True,
        ),
        Column(
            "achievable_share",
            pl.Float64,
            "Share thought achievable; null where no source gives one.",
            "0–1",
            may_be_null=True,
        ),
        Column(
            "alternative_to",
            pl.String,
            "Rule that comes first for the same inhalers: this one is not ranked beside it.",
            may_be_null=True,
        ),
        Column("is_sign_stable", pl.Boolean, "True where even the low end saves.", may_be_null=True),
        Column("gate", OPPORTUNITY_GATES, "ranked, shown or listed."),
        Column("gate_reason", pl.String, "Why it is not ranked.", may_be_null=True),
        Column("rank", pl.Int64, "Place among the ranked lines of this organisation.", may_be_null=True),
        Column("rank_basis", pl.String, "The saving it is ranked by: to_peer, else theoretical.", may_be_null=True),
        Column(
            "rank_stability",
            pl.Float64,
            "Share of factor draws in which the line keeps its place.",
            "0–1",
            may_be_null=True,
        ),
        Column("effort", EFFORTS, "low: same device by brand, or a refill; high: review in person."),
        Column("commitment", pl.String, "Green Plan commitments served, of a, b and c."),
        Column("caveats", pl.String, "What to mind."),
        Column("is_draft", pl.Boolean, "True until a named clinical role has signed the rule off."),
    ),
)

AS_OF = Column("as_of", pl.Date, "First day of the month the file describes.")

PRACTICE_SNAPSHOTS = Table(
    "practice_snapshots",
    ("practice_code", "as_of"),
    (
        AS_OF,
        PRACTICE,
        Column("practice_name", pl.String, "Name in the file."),
        Column(
            "is_in_use", pl.Boolean, "True where the file's status is active or proposed; false if closed or dormant."
        ),
        Column("setting", SETTINGS, "Prescribing setting: epraccur's 4 is a GP practice."),
        Column("sub_icb_code", pl.String, "Commissioner: sub-ICB location, CCG before July 2022.", may_be_null=True),
        Column("icb_code", pl.String, "High-level health geography: ICB, STP before.", may_be_null=True),
        Column("sub_icb_from", pl.Date, "Day the practice joined that commissioner.", may_be_null=True),
        Column("opened", pl.Date, "Date the practice opened.", may_be_null=True),
        Column("closed", pl.Date, "Date the practice closed; null while open.", may_be_null=True),
    ),
)

PCN_MEMBERSHIPS = Table(
    "pcn_memberships",
    ("practice_code", "as_of", "pcn_code", "member_from"),
    (
        AS_OF,
        PRACTICE,
        Column("practice_name", pl.String, "Name in the file."),
        Column("pcn_code", pl.String, "Primary care network."),
        Column("pcn_name", pl.String, "Its name."),
        Column("sub_icb_code", pl.String, "Sub-ICB location (or CCG) of the practice.", may_be_null=True),
        Column("icb_code", pl.String, "Integrated care board, where the file has it.", may_be_null=True),
        Column("member_from", pl.Date, "First day in the network; null in a file without dates.", may_be_null=True),
        Column("member_to", pl.Date, "Last day in the network; null while a member.", may_be_null=True),
    ),
)

SUB_ICB_PARENTS = Table(
    "sub_icb_parents",
    ("sub_icb_code", "as_of"),
    (
        AS_OF,
        Column("sub_icb_code", pl.String, "Sub-ICB location."),
        Column("sub_icb_name", pl.String, "Its name."),
        Column("icb_code", pl.String, "Integrated care board."),
        Column("icb_name", pl.String, "Its name."),
    ),
)

PRACTICE_TRAITS = Table(
    "practice_traits",
    ("practice_code", "as_of"),
    (
        AS_OF,
        PRACTICE,
        Column(
            "imd_score",
            pl.Float64,
            "Index of Multiple Deprivation, mean over patients; more is more deprived.",
            "score",
            may_be_null=True,
        ),
        Column("asthma_register", pl.Int64, "People on the QOF asthma register.", "people", may_be_null=True),
        Column(
            "asthma_list",
            pl.Int64,
            "People the asthma register is drawn from (all, or aged six and over).",
            "people",
            may_be_null=True,
        ),
        Column("copd_register", pl.Int64, "People on the QOF COPD register.", "people", may_be_null=True),
        Column("copd_list", pl.Int64, "People the COPD register is drawn from.", "people", may_be_null=True),
    ),
)

MEASURE_LEVELS = pl.Enum(["practice", "pcn", "sub-icb", "icb", "place", "group"])
MEASURE_GATES = pl.Enum(["ranked", "shown", "listed"])

MEASURE_VALUES = Table(
    "measure_values",
    ("organisation_code", "level", "period_start", "period_end", "measure_id"),
    (
        Column("organisation_code", pl.String, "Code of the practice, PCN, sub-ICB location, ICB, place or own group."),
        Column("level", MEASURE_LEVELS, "What kind of organisation it is."),
        Column("period_start", pl.Date, "First day of the first month summed."),
        Column("period_end", pl.Date, "First day of the last month summed."),
        Column("measure_id", pl.String, "The measure, a file in reference/measures."),
        Column(
            "numerator",
            EXACT,
            "What the measure sums; null where there are items and none is known.",
            "the measure's",
            may_be_null=True,
        ),
        Column(
            "denominator",
            EXACT,
            "What it is divided by (people: the mean list of the months loaded); null where it is a plain sum.",
            "the measure's",
            may_be_null=True,
        ),
        Column(
            "value",
            pl.Float64,
            "Scale × numerator ÷ denominator; null at 0/0.",
            "the measure's",
            may_be_null=True,
        ),
        Column("low", pl.Float64, "The value at the low factors; null without kg.", "the measure's", may_be_null=True),
        Column(
            "high", pl.Float64, "The value at the high factors; null without kg.", "the measure's", may_be_null=True
        ),
        Column(
            "coverage",
            pl.Float64,
            "Share of items with a factor (and a list size, where it divides by one); null where neither is needed.",
            "0–1",
            may_be_null=True,
        ),
        Column("gate", MEASURE_GATES, "ranked, shown (too few or too short to rank) or listed."),
    ),
)

TARGET_STATUSES = pl.Enum(["current", "retired", "needs patient records"])
KPI_STATUSES = pl.Enum(["measured", "not known", "awaiting return"])
# judged on the whole interval and on the SPC signal, never on one point
TRACKS = pl.Enum(["on track", "not clear", "not on track", "no judgement"])

TARGETS = Table(
    "targets",
    ("target_id",),
    (
        Column("target_id", pl.String, "Names the target on pages."),
        Column(
            "measure_id", pl.String, "The measure it is about; null where no measure of ours can be.", may_be_null=True
        ),
        Column("words", pl.String, "The target in words, near to its source's."),
        Column("baseline_start", pl.Date, "First month of the baseline.", may_be_null=True),
        Column("baseline_end", pl.Date, "Last month of the baseline (its first day).", may_be_null=True),
        Column(
            "change_share",
            pl.Float64,
            "Change asked for, as a share of the baseline: -0.5 is half.",
            "0–1",
            may_be_null=True,
            holds=pl.col("change_share").is_between(-1, 10),
        ),
        Column(
            "change_share_a_year",
            pl.Float64,
            "Change asked for a year, as a share of the year before.",
            "0–1",
            may_be_null=True,
        ),
        Column(
            "target_value", pl.Float64, "The value asked for, where it is no change.", "the measure's", may_be_null=True
        ),
        Column("target_end", pl.Date, "Last month by which it is to be met (its first day).", may_be_null=True),
        Column("direction", pl.Enum(["lower", "higher"]), "Which way is better."),
        Column("status", TARGET_STATUSES, "Whether it is in force, and whether prescribing data can judge it."),
        SOURCE,
        Column("address", pl.String, "Where it was read."),
        Column("note", pl.String, "What a reader should know.", may_be_null=True),
    ),
)

KPIS = Table(
    "kpis",
    ("kpi_id",),
    (
        Column("kpi_id", pl.String, "Names the indicator on pages."),
        Column("title", pl.String, "Its title."),
        Column("measure_id", pl.String, "Our measure of it; null where a return is needed.", may_be_null=True),
        Column("target_id", pl.String, "The target it is held against, if any.", may_be_null=True),
        Column("note", pl.String, "What a reader should know.", may_be_null=True),
    ),
)

KPI_VALUES = Table(
    "kpi_values",
    ("organisation_code", "level", "period_start", "period_end", "kpi_id"),
    (
        Column("organisation_code", pl.String, "Code of the organisation.", may_be_null=True),
        Column("level", pl.String, "What kind of organisation it is.", may_be_null=True),
        Column("period_start", pl.Date, "First month; null while awaiting a return.", may_be_null=True),
        Column("period_end", pl.Date, "Last month (its first day).", may_be_null=True),
        Column("kpi_id", pl.String, "The indicator."),
        Column("title", pl.String, "Its title."),
        Column("value", pl.Float64, "Central value; null while awaiting a return.", "the measure's", may_be_null=True),
        Column("low", pl.Float64, "Low end.", "the measure's", may_be_null=True),
        Column("high", pl.Float64, "High end.", "the measure's", may_be_null=True),
        Column(
            "baseline", pl.Float64, "Value in the baseline period, where loaded.", "the measure's", may_be_null=True
        ),
        Column("expected", pl.Float64, "Where the trajectory stands at period_end.", "the measure's", may_be_null=True),
        Column("target", pl.Float64, "Value at the target's end.", "the measure's", may_be_null=True),
        Column("target_source_id", pl.String, "Source of the target.", may_be_null=True),
        Column("signal", pl.String, "Newest SPC signal of the monthly series.", may_be_null=True),
        Column("track", TRACKS, "Judged on the interval and the signal."),
        Column(
            "status",
            KPI_STATUSES,
            "Measured here; not known (lists or settings are not loaded); or waiting for somebody's return.",
        ),
    ),
)

FIGURES = Table(
    "figures",
    ("practice_code", "figure"),
    (
        Column("practice_code", pl.String, "The practice."),
        Column("practice_name", pl.String, "Its name."),
        Column("pcn_code", pl.String, "Its PCN.", may_be_null=True),
        Column("figure", pl.String, "Title of the figure on the practice page."),
        Column("unit", pl.String, "Its unit."),
        Column("low", pl.Float64, "5th percentile over the factor draws.", "the figure's", may_be_null=True),
        Column("central", pl.Float64, "Central value.", "the figure's", may_be_null=True),
        Column("high", pl.Float64, "95th percentile over the factor draws.", "the figure's", may_be_null=True),
        Column("pcn_median", pl.Float64, "Median of the practices of its PCN.", "the figure's", may_be_null=True),
        Column("all_median", pl.Float64, "Median of all practices of the run.", "the figure's", may_be_null=True),
        Column("england", pl.Float64, "All of England together, where loaded.", "the figure's", may_be_null=True),
        Column(
            "verdict", pl.String, "Words for its place among the others; null where it is not judged.", may_be_null=True
        ),
    ),
)

TABLES = (
    PRESCRIBING,
    REJECTS,
    PRACTICES,
    LIST_SIZES,
    PRODUCTS,
    FACTORS,
    ACTIVITY,
    FOOTPRINT,
    OPPORTUNITIES,
    PRACTICE_SNAPSHOTS,
    PCN_MEMBERSHIPS,
    SUB_ICB_PARENTS,
    PRACTICE_TRAITS,
    MEASURE_VALUES,
    TARGETS,
    KPIS,
    KPI_VALUES,
    FIGURES,
)


def data_dictionary() -> Iterator[str]:
    """The tables as Markdown lines for docs/reference/tables.md."""
    for table in TABLES:
        yield f"## {table.name}"
        yield f"One row: {' × '.join(table.grain)}."
        yield "| column | type | unit | may be empty | meaning |"
        yield "|---|---|---|---|---|"
        for c in table.columns:
            kind = "closed list: " + ", ".join(c.dtype.categories) if isinstance(c.dtype, pl.Enum) else str(c.dtype)
            yield f"| {c.name} | {kind} | {c.unit} | {'yes' if c.may_be_null else ''} | {c.words} |"
