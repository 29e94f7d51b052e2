"""Who is judged, and beside whom."""

from datetime import date
from types import SimpleNamespace

import polars as pl
import pytest

from prescarbon.model.period import Period
from prescarbon.pipeline import peers
from prescarbon.pipeline.peers import find_peers
from prescarbon.tables.organisations import PRACTICE_TRAITS
from tests.frames import frame

YEAR = [date(2025, month, 1) for month in range(1, 13)]
CODES = [f"P{n:02}" for n in range(1, 15)]
NO_TRAITS = pl.LazyFrame(schema=PRACTICE_TRAITS.schema)


def world(monkeypatch, settings, *, months=None, lists=None, traits=NO_TRAITS):
    """The parts of the evidence that peers are found from: settings by practice, the months each has rows in, its list."""
    months = months or {}
    rows = [(code, month) for code in settings for month in months.get(code, YEAR)]
    sizes = list(settings) if lists is None else lists
    monkeypatch.setattr(peers, "read_practice_traits", lambda _home: traits)
    return SimpleNamespace(
        config=SimpleNamespace(home=None),
        period=Period.of(YEAR[0], YEAR[-1], YEAR),
        practices=pl.DataFrame(
            {"practice_code": list(settings), "setting": list(settings.values())}
            | dict.fromkeys(("pcn_code", "sub_icb_code", "icb_code"), "A")
        ),
        with_rows=pl.LazyFrame(rows, schema={"practice_code": pl.String, "month": pl.Date}, orient="row").unique(),
        list_sizes=pl.DataFrame(
            [(code, YEAR[-1], 1000 * n) for n, code in enumerate(sizes, start=1)],
            schema={"practice_code": pl.String, "month": pl.Date, "patients": pl.Int64}, orient="row",
        ),
    )  # fmt: skip


def members(found):
    return {row["practice_code"]: row for row in found.members.collect().to_dicts()}


def test_only_the_setting_makes_a_gp_practice_where_any_file_tells_settings(monkeypatch):
    settings = {"P01": "GP practice", "P02": "other", "P03": "not known"}
    found = members(find_peers(world(monkeypatch, settings)))
    assert {code: row["is_gp"] for code, row in found.items()} == {"P01": True, "P02": False, "P03": False}
    assert found["P01"]["peers_words"] == "All 1 GP practices in scope with 12 whole months."
    assert found["P03"]["peers_words"] is None


def test_a_list_makes_a_gp_practice_where_no_file_tells_settings(monkeypatch):
    found = members(find_peers(world(monkeypatch, dict.fromkeys(["P01", "P02"], "not known"), lists=["P01"])))
    assert {code: row["is_gp"] for code, row in found.items()} == {"P01": True, "P02": False}


def test_months_are_those_of_the_calendar_year_with_rows(monkeypatch):
    months = {"P01": YEAR, "P02": YEAR[:11], "P03": [date(2024, 12, 1), *YEAR[1:]]}
    found = members(find_peers(world(monkeypatch, dict.fromkeys(months, "GP practice"), months=months)))
    assert {code: row["months_held"] for code, row in found.items()} == {"P01": 12, "P02": 11, "P03": 11}


def register(codes):
    rows = "\n".join(f"{code} | 2024-04-01 | {10 * n} | 1000" for n, code in enumerate(codes, start=1))
    drawn = frame(f"practice_code | as_of | asthma_register | asthma_list\n{rows}", as_of=pl.Date, asthma_register=pl.Int64, asthma_list=pl.Int64)  # fmt: skip
    return pl.concat([NO_TRAITS, drawn], how="diagonal")


@pytest.mark.parametrize("at_once", [500, 5])
def test_the_nearest_are_found_among_those_judged_where_registers_are_known(monkeypatch, at_once):
    monkeypatch.setattr(peers, "SOUGHT_AT_ONCE", at_once)
    settings = dict.fromkeys(CODES, "GP practice") | {"P02": "other"}
    found = find_peers(world(monkeypatch, settings, months={"P03": YEAR[:11]}, traits=register(CODES)))
    pairs = found.nearest.collect()
    assert set(pairs["practice_code"]) == set(CODES) - {"P02", "P03"}
    assert not {"P02", "P03"} & set(pairs["peer_code"])
    assert pairs.group_by("practice_code").len()["len"].unique().to_list() == [10]
    told = members(found)
    assert told["P01"]["peers_words"].startswith("The 10 nearest practices by list size (log), asthma register")
    assert told["P04"]["asthma_people"] == pytest.approx(0.04 * 4000)


def test_without_registers_or_with_too_few_practices_all_are_the_peers(monkeypatch):
    gps = dict.fromkeys(CODES, "GP practice")
    assert find_peers(world(monkeypatch, gps)).nearest is None
    few = dict.fromkeys(CODES[:10], "GP practice")
    found = find_peers(world(monkeypatch, few, traits=register(CODES)))
    assert found.nearest is None
    assert members(found)["P01"]["peers_words"] == "All 10 GP practices in scope with 12 whole months."
