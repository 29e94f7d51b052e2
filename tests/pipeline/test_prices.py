"""Constant prices are of one base period, whatever the command, the months and the scope of a run."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.config import Config
from prescarbon.model.period import Period
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.prices import base_period
from prescarbon.reference.files import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store

MEASURE, AREA = "kg_medicines", "SYN01"


def asked(home: Path, *words: object) -> dict:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def config(home: Path, **settings: object) -> Config:
    return replace(Config(home=home, out=home, scope=("all",), is_scope_given=True), **settings)


@pytest.fixture(scope="module")
def whole(home: Path) -> Evidence:
    """Every practice in all 26 months, December 2023 to January 2026."""
    return gather(config(home))


def prices_of(evidence: Evidence) -> dict[str, float]:
    return dict(evidence.prices.table.select("bnf_code", "price_gbp").iter_rows())


def test_every_command_says_the_same_kilograms_of_a_month(home, whole):
    month = f"{whole.months[-3]:%Y-%m}"
    words = ("--level", "sub-icb", "--month", month)
    run = asked(home, "measures", "run", *words, "--measure", MEASURE)["values"]
    (of_run,) = (row["value"] for row in run if row["organisation_code"] == AREA)
    trend = asked(home, "trend", MEASURE, *words, "--organisation", AREA)
    rows = trend["months"] if isinstance(trend, dict) else trend
    (of_trend,) = (row["value"] for row in rows if row["month"][:7] == month)
    reported = whole.footprint.filter(
        pl.col("month") == whole.months[-3],
        pl.col("reads_as") == "not an inhaler",
        pl.col("practice_code").is_in(members(whole)),
    )
    assert of_run == pytest.approx(of_trend)
    assert of_run == pytest.approx(float(reported["kg_co2e"].sum()))
    twelve = asked(home, "measures", "run", *words, "--measure", MEASURE, "--months", 12)["values"]
    kpis = asked(home, "kpis", *words)
    (of_year,) = (row["value"] for row in twelve if row["organisation_code"] == AREA)
    listed = kpis["kpis"] if isinstance(kpis, dict) else kpis
    (of_kpi,) = (
        row["value"] for row in listed if row["kpi_id"] == "medicine-carbon" and row["organisation_code"] == AREA
    )
    assert of_kpi == pytest.approx(of_year)


def members(evidence: Evidence) -> list[str]:
    now = pl.col("month") == evidence.months[-3], pl.col("sub-icb") == AREA
    return evidence.memberships.filter(*now)["practice_code"].to_list()


def test_neither_the_window_nor_the_scope_moves_a_price(home, whole):
    every = prices_of(whole)
    one = members(whole)[0]
    for fewer in (gather(config(home), months=1), gather(config(home, scope=(one,)), months=2)):
        found = prices_of(fewer)
        assert found
        assert found == {code: every[code] for code in found}


def test_the_base_period_is_the_first_year_of_the_store_or_the_one_that_is_set(home, whole):
    held = list(whole.months)
    assert base_period(config(home), held) == Period.of(held[0], held[11], held)
    assert base_period(config(home), [date(2025, 1, 1)]).count == "1 of 12 months"
    assert base_period(config(home, price_base="2024-04:2025-03"), held) == Period.of(held[4], held[15], held)
    assert base_period(config(home, price_base="2024-04"), held) == Period.of(held[4], held[4], held)


def test_the_manifest_and_the_pages_say_the_base_period(home, whole):
    said = whole.manifest("report").price_base
    assert (said["first"], said["last"], said["gbp_year"]) == ("2023-12", "2024-11", 2023)
    assert said["words"].startswith("Prices of December 2023 to November 2024, all practices held, in £ of 2023")
    assert "GDP deflator" not in said["words"]  # those of 2023 and 2024 are known
    later = gather(config(home, price_base="2025-02:2026-01")).prices
    assert "the GDP deflator of 2025 is not known: that of 2024 stands in" in later.words
    assert later.stand_ins == {2025: 2024, 2026: 2024}


def test_what_was_not_sold_in_the_base_period_is_counted(home, whole):
    before = gather(config(home, price_base="2023-11:2023-12")).prices
    assert "November 2023 to December 2023, 1 of 2 months held" in before.words
    nothing = gather(config(home, price_base="2020-01:2020-12")).prices
    all_of = f"{nothing.table.height:,}"
    assert f"0 of 12 months held, all practices held, in £ of 2023; {all_of} of {all_of} presentations" in nothing.words
    assert not nothing.table["is_base"].any()
    first = whole.activity.group_by("bnf_code").agg(pl.col("month").min())
    own = nothing.table.join(first, on="bnf_code")
    assert (own["price_from"] == own["month"]).all()


@pytest.fixture
def without(tmp_path):
    """A store of two months whose files lack the £ of these columns."""

    def fill(*columns: str) -> Path:
        home = tmp_path / "-".join(columns)
        catalogue = find_reference() / "sample" / "catalogue.csv"
        for file in write_sample(home / "sample", catalogue, practices=2, pcns=1, months=2).epd:
            rows = pl.read_csv(file, infer_schema=False)
            rows.with_columns(pl.lit("").alias(c) for c in columns).write_csv(file)
            take_file(Store(home), file)
        return home

    return fill


def test_without_nic_actual_cost_prices_and_the_method_says_so(without):
    evidence = gather(config(without("NIC")))
    others = evidence.footprint.filter(pl.col("reads_as") == "not an inhaler")
    assert set(others["method"].unique()) == {"spend_actual_cost"}
    assert others["nic_gbp"].is_null().all()
    assert "have no NIC in the data: price by actual cost" in evidence.prices.words
    (row,) = (c for c in evidence.coverage if c["method"] == "spend_actual_cost")
    assert (row["nic_gbp"], row["kg_co2e"] > 0) == (None, True)


def test_without_any_pounds_other_medicines_are_not_known_and_never_nought(without):
    evidence = gather(config(without("NIC", "ACTUAL_COST")))
    manifest = evidence.manifest("report")
    pounds = (manifest.nic_gbp_in, manifest.nic_gbp_used, manifest.nic_gbp_rejected, manifest.nic_gbp_in_scope)
    assert pounds == (None, None, 0, None)  # no row is rejected
    assert manifest.rows_without_nic == manifest.rows_in_scope
    assert evidence.prices.table.is_empty()
    assert evidence.prices.stand_ins == {}
    other = evidence.kilograms.filter(part="other")
    assert other["kg_co2e"].is_null().all()
    assert evidence.kilograms.filter(part="inhalers")["kg_co2e"].is_not_null().all()
    assert {row["nic_gbp"] for row in evidence.coverage} == {None}
