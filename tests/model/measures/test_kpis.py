"""Targets as dated rows, straight trajectories, judgements on interval and signal, and KPIs that wait for a return."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.measures.kpis import draw_trajectory, gather_kpis, judge_track, newest_signals
from prescarbon.model.measures.spc import find_signals
from prescarbon.tables.measures import KPI_VALUES, KPIS, TARGETS
from prescarbon.tables.schema import Table, judge
from tests.frames import frame, rows_of

REFERENCE = Path(__file__).resolve().parents[3] / "reference" / "targets"
MONTHS = frame("month\n2020-03-01\n2024-04-01\n2028-12-01\n2030-01-01", month=pl.Date)
HALF = rows_of(
    TARGETS,
    """
    target_id | measure_id   | baseline_start | baseline_end | change_share | target_end | direction | status
    half      | kg_inhalers  | 2019-04-01     | 2020-03-01   | -0.5         | 2028-12-01 | lower     | current
    yearly    | kg_inhalers  |                |              |              |            | lower     | current
    level     | mdi_share    |                |              |              | 2024-03-01 | lower     | retired
    """,
    source_id="s",
    words="w",
    address="a",
).with_columns(target_value=pl.when(pl.col("target_id") == "level").then(0.25))
BASELINES = frame(
    """
    organisation_code | level | target_id | baseline
    M1J4Y             | icb   | half      | 1000
    M1J4Y             | icb   | level     |
    QHG               | icb   | half      |
    """,
    baseline=pl.Float64,
)


def typed(file: str, table: Table) -> pl.LazyFrame:
    rows = pl.read_csv(REFERENCE / file, infer_schema=False).lazy()
    assert rows.collect_schema().names() == table.names
    dates = [pl.col(c.name).str.to_date() for c in table.columns if c.dtype == pl.Date]
    return table.admit(rows.with_columns(dates).cast({c.name: c.dtype for c in table.columns if c.dtype != pl.Date}))


@pytest.mark.parametrize(("file", "table"), [("targets.csv", TARGETS), ("kpis.csv", KPIS)])
def test_every_row_of_the_reference_is_good_and_unique(file, table):
    rows = typed(file, table)
    assert judge(rows, table).collect()["reason"].null_count() == rows.collect().height
    assert rows.select(pl.col(table.grain[0]).is_unique().all()).collect().item()


def test_reference_targets_hang_together():
    targets, kpis = typed("targets.csv", TARGETS).collect(), typed("kpis.csv", KPIS).collect()
    assert set(kpis["target_id"].drop_nulls()) <= set(targets["target_id"])
    measures = {f.stem for f in (REFERENCE.parent / "measures").glob("*.toml")}
    if measures:
        assert set(kpis["measure_id"].drop_nulls()) | set(targets["measure_id"].drop_nulls()) <= measures
    is_judged = (pl.col("status") == "current") & pl.col("change_share").is_not_null()
    assert targets.filter(is_judged)["target_id"].to_list() == ["inhalers-half-by-2028"]
    assert targets.filter(pl.col("status") == "needs patient records")["measure_id"].null_count() == 2
    assert kpis.filter(pl.col("kpi_id").str.starts_with("annex"))["measure_id"].null_count() == 5


def test_the_line_from_baseline_to_target():
    line = draw_trajectory(HALF, BASELINES, MONTHS).collect()
    half = line.filter(target_id="half")
    # 2020-03-01 to 2028-12-01 are 3,197 days, of which 1,492 have gone on 2024-04-01: 1000 - 500 × 1492 ÷ 3197
    assert half["expected"].to_list() == [1000, pytest.approx(1000 - 500 * 1492 / 3197), 500, 500]
    assert half["organisation_code"].unique().to_list() == ["M1J4Y"]  # no baseline, no line
    assert line.filter(target_id="level")["expected"].to_list() == [0.25] * 4
    assert "yearly" not in line["target_id"]


CASES = """
judged_low | judged_high | expected | pace | better | meaning     | track       | because
90         | 99          | 100      | 5    | lower  |             | ahead       |
90         | 99          | 100      | 5    | lower  | improvement | ahead       |
90         | 99          | 100      | 5    | lower  | concern     | cannot tell | the newest month signals concern, against the interval
101        | 110         | 100      | 5    | lower  |             | behind      |
101        | 110         | 100      | 5    | lower  | improvement | cannot tell | the newest month signals improvement, against the interval
101        | 110         | 100      | 5    | lower  | concern     | behind      |
101        | 110         | 100      | 5    | higher | improvement | ahead       |
90         | 99          | 100      | 5    | higher |             | behind      |
98         | 103         | 100      | 5    | lower  |             | on          |
98         | 103         | 100      | 5    | lower  | concern     | on          |
97         | 103         | 100      | 5    | lower  |             | cannot tell | the interval spans the trajectory and is wider than a year of it
100        | 103         | 100      | 5    | lower  |             | on          |
97         | 100         | 100      | 5    | higher |             | on          |
100        | 100         | 100      | 0    | lower  |             | on          |
"""


def test_judged_on_the_interval_and_the_signal():
    types = dict.fromkeys(("judged_low", "judged_high", "expected", "pace"), pl.Float64)
    cases = frame(CASES, **types).rename({"track": "wanted", "because": "wanted_because"})
    told = cases.with_columns(reason=pl.lit(None, pl.String)).with_columns(judge_track()).collect()
    assert told["track"].cast(pl.String).to_list() == told["wanted"].to_list()
    assert told["because"].to_list() == told["wanted_because"].to_list()


@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from(["improvement", "concern", None]), st.floats(0.1, 50))
def test_a_wider_interval_never_turns_a_judgement_round(low, width, meaning, wider):
    rows = pl.LazyFrame(
        {"judged_low": [low, low - wider], "judged_high": [low + width, low + width + wider], "meaning": [meaning] * 2},
        schema_overrides={"meaning": pl.String},
    ).with_columns(expected=50.0, pace=6.0, better=pl.lit("lower"), reason=pl.lit(None, pl.String))
    narrow, wide = rows.select(judge_track()).collect()["track"].cast(pl.String)
    assert wide in (narrow, "on", "cannot tell")
    assert narrow != "cannot tell" or wide != "on"


KPI_ROWS = rows_of(
    KPIS,
    """
    kpi_id  | title        | measure_id  | target_id
    carbon  | Carbon       | kg_inhalers | half
    annex-1 | Annex KPI 1  |             |
    annex-2 | Annex KPI 2  |             |
    """,
)
VALUES = frame(
    """
    organisation_code | level | period_start | period_end | measure_id  | value | low | high
    M1J4Y             | icb   | 2023-05-01   | 2024-04-01 | kg_inhalers | 700   | 690 | 710
    QHG               | icb   | 2023-05-01   | 2024-04-01 | kg_inhalers | 700   | 690 | 710
    QHG               | icb   | 2023-05-01   | 2024-04-01 | other       | 1     |     |
    """,
    period_start=pl.Date,
    period_end=pl.Date,
    value=pl.Float64,
    low=pl.Float64,
    high=pl.Float64,
).with_columns(months_held=pl.lit(12, pl.Int64))
SIGNALS = frame(
    """
    organisation_code | level | measure_id  | signal | meaning
    M1J4Y             | icb   | kg_inhalers | shift  | improvement
    """
)
SHARES = frame(
    """
    organisation_code | level | target_id | low_part | high_part
    M1J4Y             | icb   | half      | 0.99     | 1.01
    """,
    low_part=pl.Float64,
    high_part=pl.Float64,
)
NOTHING_LACKS = pl.LazyFrame(schema={"target_id": pl.String, "lacks": pl.String})


def gathered(
    values: pl.LazyFrame = VALUES, targets: pl.LazyFrame = HALF, lacking: pl.LazyFrame = NOTHING_LACKS, sent=None
):
    line = draw_trajectory(targets, BASELINES, MONTHS)
    found = gather_kpis(KPI_ROWS, values, targets, line, SIGNALS, SHARES, lacking, sent)
    return KPI_VALUES.admit(found).collect().with_columns(pl.col("track", "status").cast(pl.String))


def test_measured_and_waiting():
    table = gathered()
    told = table.select("kpi_id", "organisation_code", "status", "track", "signal", "meaning", "because").rows()
    # the line stands at 767: the whole of 693 to 707 is below it
    assert told == [
        ("carbon", "M1J4Y", "measured", "ahead", "shift", "improvement", None),
        ("carbon", "QHG", "measured", "cannot tell", None, None, "no value in the baseline, or the line begins later"),
        ("annex-1", None, "awaiting return", "cannot tell", None, None, "a return is awaited"),
        ("annex-2", None, "awaiting return", "cannot tell", None, None, "a return is awaited"),
    ]
    assert table["value"].to_list() == [700, 700, None, None]
    assert table["target"].to_list() == [500, None, None, None]
    assert table.row(0, named=True)["share_of_baseline"] == 0.7
    assert (table["share_low"][0], table["share_high"][0]) == (pytest.approx(0.693), pytest.approx(0.707))


def test_a_change_is_judged_on_now_and_then_in_one_draw_not_on_the_interval_of_now():
    # 700 × 0.99 to 700 × 1.01 lies below the line at 767; 600 to 800, how well the kilograms of now are known, spans it
    wide = VALUES.with_columns(low=pl.lit(600.0), high=pl.lit(800.0))
    row = gathered(wide).row(0, named=True)
    assert (row["low"], row["high"], row["track"]) == (600, 800, "ahead")
    spans = gathered(wide.with_columns(organisation_code=pl.lit("M1J4Z"))).row(0, named=True)
    assert spans["track"] == "cannot tell"  # no baseline of it


def with_target(**changed: object) -> pl.LazyFrame:
    return HALF.with_columns(**{name: pl.lit(value).cast(TARGETS.schema[name]) for name, value in changed.items()})


def test_what_cannot_be_judged_says_why():
    short = VALUES.with_columns(months_held=pl.lit(11, pl.Int64))
    lacking = pl.LazyFrame({"target_id": ["half"], "lacks": ["baseline months not held (11 of 12)"]})
    no_target = HALF.filter(target_id="level")
    told = {
        "retired": gathered(targets=with_target(status="retired")),
        "no line": gathered(targets=with_target(target_end=None)),
        "lacking": gathered(lacking=lacking),
        "short": gathered(short),
        "unset": gathered(targets=no_target),
    }
    why = {name: table.row(0, named=True)["because"] for name, table in told.items()}
    assert why == {
        "retired": "the target is not in force: retired",
        "no line": "the target draws no line",
        "lacking": "baseline months not held (11 of 12)",
        "short": "the year is not whole: 11 of 12 months",
        "unset": "no value in the baseline, or the line begins later",
    }
    assert {table.row(0, named=True)["track"] for table in told.values()} == {"cannot tell"}


def test_a_measure_without_anything_to_measure_is_not_known():
    row = gathered(VALUES.with_columns(value=pl.lit(None, pl.Float64))).row(0, named=True)
    assert (row["status"], row["track"], row["because"]) == ("not known", "cannot tell", "not known")


def test_a_level_line_has_no_pace_and_is_judged_on_the_value_s_own_interval():
    targets = with_target(
        target_id="level",
        measure_id="kg_inhalers",
        target_value=705.0,
        status="current",
        baseline_start=None,
        baseline_end=None,
        change_share=None,
        target_end=date(2024, 12, 1),
    )
    kpis = KPI_ROWS.with_columns(target_id=pl.when(pl.col("measure_id").is_not_null()).then(pl.lit("level")))
    own = targets.head(1)
    line = draw_trajectory(own, BASELINES, MONTHS)
    assert line.collect()["pace"].unique().to_list() == [0]
    found = gather_kpis(kpis, VALUES, own, line, SIGNALS, SHARES, NOTHING_LACKS).collect()
    row = found.filter(pl.col("organisation_code") == "M1J4Y").row(0, named=True)  # 690 to 710 spans 705
    assert (row["track"], row["because"]) == (
        "cannot tell", "the interval spans the trajectory and is wider than a year of it"
    )  # fmt: skip


def test_the_pace_is_what_the_line_moves_in_a_year_and_0_once_it_has_ended():
    half = draw_trajectory(HALF, BASELINES, MONTHS).filter(target_id="half").collect()
    assert half["pace"].to_list() == [pytest.approx(500 / 3197 * 365.25)] * 2 + [0, 0]  # 57.1


def test_a_return_that_came_is_measured_and_no_longer_waits():
    sent = frame(
        "organisation_code | level | period_start | period_end | kpi_id | value\n"
        "M1J4Y | icb | 2024-04-01 | 2024-04-01 | annex-1 | 12",
        period_start=pl.Date,
        period_end=pl.Date,
        value=pl.Float64,
    )
    annex = gathered(sent=sent).filter(pl.col("kpi_id").str.starts_with("annex"))
    assert annex.select("kpi_id", "value", "low", "status").rows() == [
        ("annex-1", 12, 12, "measured"),
        ("annex-2", None, None, "awaiting return"),
    ]
    assert annex["because"].to_list() == ["no source sets a target", "a return is awaited"]


def test_the_newest_signal_is_that_of_the_last_point():
    months = pl.date_range(date(2020, 1, 1), date(2021, 6, 1), "1mo", eager=True)
    values = [*[10.0, 12.0] * 8, 40.0, None]
    series = pl.LazyFrame({"month": months, "value": values}).with_columns(
        organisation_code=pl.lit("A"), level=pl.lit("icb"), measure_id=pl.lit("m")
    )
    found = find_signals(series, by=["organisation_code", "level", "measure_id"], better="lower")
    assert newest_signals(found).collect().rows() == [("A", "icb", "m", "outside the limits", "concern")]
