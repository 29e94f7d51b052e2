"""Guard rails, each with a hostile case: what is never suggested, and on which days a rule or product holds."""

from datetime import date

import polars as pl

from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA, resolve_pairs
from prescarbon.model.opportunities.rules import Guard
from tests.model.switch_builders import (
    EASYHALER,
    MONTH,
    PRODUCTS_TEXT,
    SALAMOL,
    VENTOLIN,
    factors,
    footprint,
    formulary,
    kg,
    line,
    lines,
    products,
    rule,
)


def attempt(target_words="DPI", **changes):
    rows = footprint("practice_code | bnf_code | devices\nP1 | 0302000Y0BBAAAA | 100")
    r = rule(
        from_={"words": "Trixeo", "codes": ["0302000Y0BBAAAA"]},
        to={"words": target_words, "codes": ["0302000AABBACAC"]},
    )
    return lines([r], rows, **changes)


def test_never_from_a_low_carbon_inhaler():
    assert attempt().height == 0
    older = products(PRODUCTS_TEXT.replace("HFO-1234ze", "HFA-134a"))
    heavy = factors("key | kg_low | kg_co2e | kg_high\n0302000Y0BBAAAA | 14 | 15 | 16\n0302000AABBACAC | 0.8 | 0.9 | 1")
    assert attempt(inhalers=older, kg=heavy).height == 1  # the same rule before the propellant changed


def test_a_guard_forbids_its_sources_or_its_pairs():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {SALAMOL} | 100")
    to_dpi = rule(from_={"words": "Salamol", "codes": [SALAMOL]}, to={"words": "Easyhaler", "codes": [EASYHALER]})
    to_pmdi = rule(from_={"words": "Salamol", "codes": [SALAMOL]}, to={"words": "Ventolin", "codes": [VENTOLIN]})
    small_cans = Guard("NG03", "already a small can", (SALAMOL,), "https://x", to_devices=("pMDI", "BAI"))
    every = formulary(VENTOLIN, EASYHALER)
    assert lines([to_dpi], rows, on_formulary=every, guards=(small_cans,)).height == 1
    assert lines([to_pmdi], rows, on_formulary=every).height == 1
    assert lines([to_pmdi], rows, on_formulary=every, guards=(small_cans,)).height == 0
    assert (
        lines([to_dpi], rows, on_formulary=every, guards=(Guard("N", "never", (SALAMOL[:9],), "https://x"),)).height
        == 0
    )


def test_a_guard_at_one_ratio_leaves_the_right_dose_alone():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    same_label = Guard("NG10", "halves the dose", (VENTOLIN,), "https://x", to_codes=(SALAMOL,), at_ratio=1.0)
    assert lines([rule()], rows, guards=(same_label,)).height == 0
    assert lines([rule(dose={"ratio": 0.5})], rows, guards=(same_label,)).height == 1


def test_the_target_must_be_on_the_formulary_that_day_and_exist_that_month():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    assert lines([rule()], rows, on_formulary=formulary(EASYHALER)).height == 0
    until_2024 = formulary(SALAMOL, on_to=date(2024, 12, 31))
    assert lines([rule()], rows, on_formulary=until_2024).height == 0
    assert lines([rule()], rows, on_formulary=until_2024, read_on=date(2024, 12, 31)).height == 1  # its last day
    assert lines([rule()], rows, on_formulary=until_2024, read_on=date(2025, 1, 1)).height == 0
    gone = products(PRODUCTS_TEXT.replace(SALAMOL, "0301011R0BIAZZZ"))
    assert lines([rule()], rows, inhalers=gone).height == 0


def test_a_rule_holds_only_between_its_dates():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    assert lines([rule(valid_from=date(2026, 1, 1))], rows).height == 0
    assert lines([rule(valid_to=date(2025, 8, 31))], rows).height == 0
    only_that_day = rule(valid_from=MONTH, valid_to=MONTH)
    assert lines([only_that_day], rows).height == 1
    assert lines([only_that_day], rows, read_on=date(2025, 9, 2)).height == 0


def test_a_factor_holds_on_its_last_day_and_no_longer():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    ends = {"here": factors().with_columns(valid_to=pl.lit(MONTH)), "gone": factors().with_columns(valid_to=pl.lit(date(2025, 8, 31)))}  # fmt: skip
    assert line(lines([rule()], rows, kg=ends["here"]), "X1")["kg_theoretical"] == kg(1600)
    assert line(lines([rule()], rows, kg=ends["gone"]), "X1")["gate_reason"] == "saving not known: no factor"


def test_the_first_choice_that_is_left_becomes_the_target_in_a_shortage():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    r = rule(to={"words": "Salamol or Easyhaler", "codes": [SALAMOL, EASYHALER]})
    short = pl.LazyFrame(
        {"bnf_code": [SALAMOL], "off_from": [date(2025, 9, 1)], "off_to": [date(2025, 9, 30)], "reason": ["shortage"]}
    )
    assert line(lines([r], rows), "X1")["to_codes"] == SALAMOL
    assert line(lines([r], rows, excluded=short), "X1")["to_codes"] == EASYHALER
    assert line(lines([r], rows, excluded=short, read_on=date(2025, 9, 30)), "X1")["to_codes"] == EASYHALER  # last day
    assert line(lines([r], rows, excluded=short, read_on=date(2025, 10, 1)), "X1")["to_codes"] == SALAMOL
    sources = short.with_columns(bnf_code=pl.lit(VENTOLIN))
    assert lines([r], rows, excluded=sources).height == 0


def test_what_is_refused_says_why_and_what_is_not_refused_says_nothing():
    trixeo = rule(
        id="X2",
        from_={"words": "Trixeo", "codes": ["0302000Y0BBAAAA"]},
        to={"words": "DPI", "codes": ["0302000AABBACAC"]},
    )
    itself = rule(id="X3", to={"words": "Ventolin", "codes": [VENTOLIN]})
    codes = pl.LazyFrame({"bnf_code": [VENTOLIN, "0302000Y0BBAAAA"]})
    off = pl.LazyFrame(schema=EXCLUDED_SCHEMA)
    got = resolve_pairs(
        [rule(), trixeo, itself, rule(id="X4", to={"words": "E", "codes": [EASYHALER]})], [], codes, products(),
        factors(), formulary("0302000AABBACAC", VENTOLIN, EASYHALER), off, month=MONTH, read_on=MONTH,
    ).collect()  # fmt: skip
    assert got.select("rule_id", "from_code", "to_code", "refused").rows() == [
        ("X1", VENTOLIN, None, "no target of the rule is on the formulary on this date"),
        ("X2", "0302000Y0BBAAAA", "0302000AABBACAC", "already a low-carbon inhaler (HFO-1234ze)"),
        ("X3", VENTOLIN, VENTOLIN, "already the target"),
        ("X4", VENTOLIN, EASYHALER, None),
    ]
