"""Tables of measure values, targets, KPIs and the headline figures of pages."""

import polars as pl

from prescarbon.tables.organisations import MEASURE_LEVELS
from prescarbon.tables.schema import EXACT, GATES, SOURCE, Column, Table

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
            "What it is divided by (people: the mean list of the months that count); null where it is a plain sum.",
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
        Column("months", pl.Int64, "Calendar months from period_start to period_end.", "months"),
        Column(
            "months_held",
            pl.Int64,
            "Those of them in which the organisation reported whole (and, per person, with a list size); fewer than months is "
            "no whole period: never ranked or judged.",
            "months",
        ),
        Column("gate", GATES, "ranked, shown (too few or too short to rank) or listed."),
    ),
)

TARGET_STATUSES = pl.Enum(["current", "retired", "needs patient records"])
KPI_STATUSES = pl.Enum(["measured", "not known", "awaiting return"])
# judged on the whole interval and on the SPC signal, never on one point; what cannot be told has its reason beside it
TRACKS = pl.Enum(["ahead", "on", "behind", "cannot tell"])

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
        Column(
            "months_held",
            pl.Int64,
            "Months of the year in which the organisation reported whole; fewer than 12 is not judged.",
            "months",
            may_be_null=True,
        ),
        Column("low", pl.Float64, "Low end.", "the measure's", may_be_null=True),
        Column("high", pl.Float64, "High end.", "the measure's", may_be_null=True),
        Column(
            "baseline", pl.Float64, "Value in the baseline period, where loaded.", "the measure's", may_be_null=True
        ),
        Column("expected", pl.Float64, "Where the trajectory stands at period_end.", "the measure's", may_be_null=True),
        Column("target", pl.Float64, "Value at the target's end.", "the measure's", may_be_null=True),
        Column(
            "share_of_baseline",
            pl.Float64,
            "Value ÷ baseline, where the target is a change from it.",
            "0–1",
            may_be_null=True,
        ),
        Column(
            "share_low",
            pl.Float64,
            "Low end of that share, both periods in the same draw of the factors.",
            "0–1",
            may_be_null=True,
        ),
        Column("share_high", pl.Float64, "High end of that share, likewise.", "0–1", may_be_null=True),
        Column("target_source_id", pl.String, "Source of the target.", may_be_null=True),
        Column("signal", pl.String, "Signal of the newest month of the series.", may_be_null=True),
        Column("meaning", pl.String, "improvement, concern or change: what that signal is.", may_be_null=True),
        Column("track", TRACKS, "Against the trajectory, judged on the interval and the signal."),
        Column("because", pl.String, "Why that cannot be told; null where it is.", may_be_null=True),
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
