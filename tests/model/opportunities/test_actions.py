from datetime import date

import polars as pl
import pytest

from prescarbon.model.opportunities.actions import ACTIONS_SCHEMA, evaluate_actions, track_campaigns
from tests.model.switch_builders import VENTOLIN, footprint, practices, products, rule

MONTHS = [date(2025, m, 1) for m in range(1, 13)]


def volumes(monthly: dict[str, tuple[int, int]], started: int = 7) -> pl.LazyFrame:
    """Practice → devices a month before and from the start month on."""
    lines = [
        f"{month} | {code} | {VENTOLIN} | {before if month.month < started else after}"
        for code, (before, after) in monthly.items()
        for month in MONTHS
    ]
    return footprint("month | practice_code | bnf_code | devices\n" + "\n".join(lines))


def log(*rows: tuple[str, str, date, str]) -> pl.LazyFrame:
    return pl.LazyFrame(list(rows), schema=ACTIONS_SCHEMA, orient="row")


def effect(monthly, actions, **changes):
    codes = sorted(monthly)
    return evaluate_actions(
        actions,
        (rule(),),
        volumes(monthly),
        products(),
        practices(*codes),
        **{"last_month": date(2025, 12, 1), "months": 5, **changes},
    ).collect()


ONE = log(("P0", "X1", date(2025, 7, 10), "practice pharmacist"))
OTHERS = {f"C{n}": (100, 100 + 2 * n - 9) for n in range(10)}  # changes of -9% to +9%


def test_the_effect_is_the_change_less_what_happened_to_practices_that_did_not_act():
    got = effect({"P0": (100, 60), **OTHERS}, ONE).row(0, named=True)
    assert (got["before"], got["after"], got["comparators"]) == (100.0, 60.0, 10)
    assert got["change"] == pytest.approx(-0.4)
    assert got["comparator_change"] == pytest.approx(0.0)
    assert got["effect"] == pytest.approx(-0.4)
    # the comparators' own 5th and 95th percentile: -8.1% and 8.1%
    assert (got["effect_low"], got["effect_high"]) == (pytest.approx(-0.481), pytest.approx(-0.319))


def test_a_fall_that_everybody_had_is_no_effect():
    everybody = {f"C{n}": (100, 60) for n in range(10)}
    got = effect({"P0": (100, 60), **everybody}, ONE).row(0, named=True)
    assert got["change"] == pytest.approx(-0.4)
    assert got["effect"] == pytest.approx(0.0)


def test_a_practice_that_acted_too_is_no_comparator():
    both = log(("P0", "X1", date(2025, 7, 10), "r"), ("C0", "X1", date(2025, 7, 10), "r"))
    got = effect({"P0": (100, 60), **OTHERS}, both)
    assert got["comparators"].to_list() == [9, 9]


def test_the_month_of_the_start_is_in_neither_side_and_the_fifth_after_it_is():
    months = {"2025-02": 100, "2025-06": 100, "2025-07": 999, "2025-12": 55}
    lines = [f"{m}-01 | P0 | {VENTOLIN} | {n}" for m, n in months.items()]
    others = [f"{m} | C1 | {VENTOLIN} | 100" for m in MONTHS]
    rows = footprint("month | practice_code | bnf_code | devices\n" + "\n".join(lines + others))
    got = evaluate_actions(
        ONE, (rule(),), rows, products(), practices("P0", "C1"), last_month=date(2025, 12, 1), months=5
    ).collect()
    # February and June of the five months before: 40 a month; of the five after only December has any: 11 a month
    assert got.select("before", "after", "months_after").row(0) == (40.0, 11.0, 5)


def test_eight_comparators_are_enough_for_an_interval_and_seven_are_not():
    found = {n: effect({"P0": (100, 60), **dict(list(OTHERS.items())[:n])}, ONE).row(0, named=True) for n in (7, 8)}
    assert [found[n]["effect_low"] is None for n in (7, 8)] == [True, False]


def test_no_month_after_and_nothing_before_give_no_change():
    last = log(("P0", "X1", date(2025, 12, 3), "r"))
    got = effect({"P0": (100, 60), **OTHERS}, last).row(0, named=True)
    assert (got["months_after"], got["change"], got["effect"]) == (0, None, None)
    nothing = effect({"P0": (0, 60), **OTHERS}, ONE).row(0, named=True)
    assert (nothing["before"], nothing["change"]) == (0.0, None)


def test_few_comparators_give_no_interval_and_a_short_history_no_effect():
    got = effect({"P0": (100, 60), "C1": (100, 100)}, ONE).row(0, named=True)
    assert (got["effect"], got["effect_low"]) == (pytest.approx(-0.4), None)
    early = log(("P0", "X1", date(2025, 2, 1), "r"))
    got = effect({"P0": (100, 60), **OTHERS}, early).row(0, named=True)
    assert (got["change"], got["effect"]) == (None, None)


def test_a_finished_campaign_shows_nought_left_beside_what_was():
    rows = volumes({"P0": (100, 0), "P1": (10, 4)}, started=4)
    campaigns = pl.LazyFrame({"rule_id": ["X1"], "started": [date(2025, 4, 20)]})
    got = track_campaigns(campaigns, [rule()], rows, products(), date(2025, 10, 1), date(2025, 12, 1)).collect()
    assert got.select("organisation_code", "units_before", "units_left").rows() == [
        ("P0", 300.0, 0.0),
        ("P1", 30.0, 12.0),
    ]
    early = campaigns.with_columns(started=pl.lit(date(2025, 3, 1)))  # only two months before it are loaded
    got = track_campaigns(early, [rule()], rows, products(), date(2025, 10, 1), date(2025, 12, 1)).collect()
    assert got["units_before"].to_list() == [None, None]
