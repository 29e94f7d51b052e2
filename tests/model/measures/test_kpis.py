"""Targets as dated rows, straight trajectories, judgements on interval and signal, and KPIs that wait for a return."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.measures.kpis import draw_trajectory, gather_kpis, judge_track, newest_signals
from prescarbon.model.measures.trend import find_signals
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
low | high | expected | better | direction | is_current | track
90  | 99   | 100      | lower  |           | true       | on track
90  | 99   | 100      | lower  | -1        | true       | on track
90  | 99   | 100      | lower  | 1         | true       | not clear
90  | 101  | 100      | lower  | -1        | true       | not clear
101 | 110  | 100      | lower  |           | true       | not on track
101 | 110  | 100      | lower  | -1        | true       | not clear
101 | 110  | 100      | higher | 1         | true       | on track
90  | 99   | 100      | higher | 1         | true       | not clear
90  | 99   | 100      | lower  |           | false      | no judgement
90  | 99   |          | lower  |           | true       | no judgement
    | 99   | 100      | lower  |           | true       | no judgement
90  | 99   | 100      |        |           |            | no judgement
90  | 100  | 100      | lower  |           | true       | on track
100 | 110  | 100      | lower  |           | true       | not clear
100 | 110  | 100      | higher |           | true       | on track
90  | 100  | 100      | higher |           | true       | not clear
90  | 99   | 100      | higher |           | true       | not on track
"""


def test_judged_on_the_interval_and_the_signal():
    types = {"low": pl.Float64, "high": pl.Float64, "expected": pl.Float64, "direction": pl.Int64}
    cases = frame(CASES, **types).with_columns(
        is_current=pl.when(pl.col("is_current").is_not_null()).then(pl.col("is_current") == "true")
    )
    told = cases.rename({"track": "wanted"}).with_columns(judge_track()).collect()
    assert told["track"].cast(pl.String).to_list() == told["wanted"].to_list()


@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from([-1, 0, 1, None]), st.floats(0.1, 50))
def test_a_wider_interval_never_gives_a_firmer_judgement(low, width, direction, wider):
    rows = pl.LazyFrame(
        {"low": [low, low - wider], "high": [low + width, low + width + wider], "direction": [direction] * 2},
        schema_overrides={"direction": pl.Int64},
    ).with_columns(expected=50.0, better=pl.lit("lower"), is_current=pl.lit(value=True))
    narrow, wide = rows.select(judge_track().cast(pl.String)).collect().to_series()
    assert wide in (narrow, "not clear")


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
)
SIGNALS = frame(
    """
    organisation_code | level | measure_id  | signal | direction
    M1J4Y             | icb   | kg_inhalers | shift  | -1
    """,
    direction=pl.Int64,
)


def test_measured_and_waiting():
    line = draw_trajectory(HALF, BASELINES, MONTHS)
    table = KPI_VALUES.admit(gather_kpis(KPI_ROWS, VALUES, HALF, line, SIGNALS)).collect()
    told = table.select("kpi_id", "organisation_code", "status", "track", "signal").cast(pl.String).rows()
    assert told == [
        ("carbon", "M1J4Y", "measured", "on track", "shift"),
        ("carbon", "QHG", "measured", "no judgement", None),
        ("annex-1", None, "awaiting return", "no judgement", None),
        ("annex-2", None, "awaiting return", "no judgement", None),
    ]
    assert table["value"].to_list() == [700, 700, None, None]
    assert table["target"].to_list() == [500, None, None, None]


def test_a_return_that_came_is_measured_and_no_longer_waits():
    sent = frame(
        "organisation_code | level | period_start | period_end | kpi_id | value\n"
        "M1J4Y | icb | 2024-04-01 | 2024-04-01 | annex-1 | 12",
        period_start=pl.Date,
        period_end=pl.Date,
        value=pl.Float64,
    )
    line = draw_trajectory(HALF, BASELINES, MONTHS)
    table = gather_kpis(KPI_ROWS, VALUES, HALF, line, SIGNALS, sent).collect()
    annex = table.filter(pl.col("kpi_id").str.starts_with("annex")).select("kpi_id", "value", "low", "status")
    assert annex.cast({"status": pl.String}).rows() == [
        ("annex-1", 12, 12, "measured"),
        ("annex-2", None, None, "awaiting return"),
    ]


def test_the_newest_signal_is_that_of_the_last_point():
    months = pl.date_range(date(2020, 1, 1), date(2021, 6, 1), "1mo", eager=True)
    values = [*[10.0, 12.0] * 8, 40.0, None]
    series = pl.LazyFrame({"month": months, "value": values}).with_columns(
        organisation_code=pl.lit("A"), level=pl.lit("icb"), measure_id=pl.lit("m")
    )
    found = find_signals(series, by=["organisation_code", "level", "measure_id"])
    assert newest_signals(found).collect().rows() == [("A", "icb", "m", "outside the limits", 1)]
