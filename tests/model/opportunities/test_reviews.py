"""Time fails closed: what is overdue for review is a draft or no target, from the day after its last day."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from prescarbon.model.opportunities.reviews import REVIEWS_SCHEMA
from prescarbon.model.opportunities.rules import Signature, SwitchRule
from tests.model.switch_builders import (
    EASYHALER,
    MONTH,
    PRODUCTS_TEXT,
    SALAMOL,
    VENTOLIN,
    footprint,
    formulary,
    line,
    lines,
    over_use,
    products,
    rule,
)

LAST_DAY = date(2025, 11, 30)
DAY_AFTER = LAST_DAY + timedelta(days=1)
ROWS = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100\nP1 | {SALAMOL} | 50")


def signed(found: SwitchRule) -> SwitchRule:
    by = Signature("A committee", date(2025, 9, 1), date(2099, 1, 1), "pharmacist", "medical director", "12")
    return replace(found, signature=by)


def reviews(*rows: tuple[str, str, str, date | None]) -> pl.LazyFrame:
    return pl.LazyFrame(list(rows), schema=REVIEWS_SCHEMA, orient="row")


def status(read_on: date, found: SwitchRule | None = None, **chosen):
    """is_draft, why_draft of the one line; None where there is none."""
    got = lines([found or signed(rule())], ROWS, read_on=read_on, **chosen)
    return got.select("is_draft", "why_draft").row(0) if got.height else None


def test_a_rule_is_a_draft_the_day_after_its_review_and_not_on_its_last_day():
    due = signed(rule(review_by=LAST_DAY))
    assert status(LAST_DAY, due) == (False, None)
    assert status(DAY_AFTER, due) == (True, "the rule was to be reviewed by 30 November 2025")
    assert status(LAST_DAY, due, include_drafts=False) == (False, None)
    assert status(DAY_AFTER, due, include_drafts=False) is None


@pytest.mark.parametrize("what", ["propellant", "factor"])
@pytest.mark.parametrize(("code", "name"), [(VENTOLIN, "Ventolin"), (SALAMOL, "Salamol")], ids=["source", "target"])
def test_an_overdue_propellant_or_factor_of_source_or_target_makes_a_draft(what, code, name):
    due = reviews((code, name, what, LAST_DAY))
    assert status(LAST_DAY, reviews=due) == (False, None)
    assert status(DAY_AFTER, reviews=due) == (True, f"the {what} of {name} was to be reviewed by 30 November 2025")
    assert status(LAST_DAY, reviews=due, include_drafts=False) == (False, None)
    assert status(DAY_AFTER, reviews=due, include_drafts=False) is None


def test_what_has_no_day_is_overdue_and_what_no_line_speaks_of_is_no_matter():
    none_stated = reviews((VENTOLIN, "Ventolin", "propellant", None))
    assert status(LAST_DAY, reviews=none_stated) == (True, "the propellant of Ventolin has no day to be reviewed by")
    elsewhere = reviews(
        ("0302000N0BDAABJ", "Flutiform", "propellant", MONTH), (EASYHALER, "Easyhaler", "factor", MONTH)
    )
    assert status(DAY_AFTER, reviews=elsewhere) == (False, None)


def test_reasons_are_grouped_and_stand_beside_the_missing_signature():
    due = reviews(
        (VENTOLIN, "Ventolin", "propellant", LAST_DAY), (SALAMOL, "Salamol", "propellant", LAST_DAY),
        (SALAMOL, "Salamol", "factor", date(2025, 10, 1)),
    )  # fmt: skip
    got = line(lines([over_use()], ROWS, read_on=DAY_AFTER, reviews=due), "T1")
    assert got["why_draft"] == (
        "no clinical sign-off yet; the propellant of Salamol, Ventolin was to be reviewed by 30 November 2025; "
        "the factor of Salamol was to be reviewed by 1 October 2025"
    )


def test_a_rule_without_a_carbon_claim_rests_on_no_factor():
    """A safety check must not vanish because a propellant's day has passed."""
    safety = signed(
        rule(id="S1", kind="safety", to=None, dose=None, from_={"words": "pMDI", "codes": [VENTOLIN]}, ratio=None)
    )
    due = reviews((VENTOLIN, "Ventolin", "propellant", LAST_DAY))
    assert status(DAY_AFTER, safety, reviews=due, include_drafts=False) == (False, None)


def test_an_overdue_row_of_the_formulary_is_no_target():
    two = rule(to={"words": "Salamol or Easyhaler", "codes": [SALAMOL, EASYHALER]})
    listed = pl.concat([formulary(SALAMOL, review_by=LAST_DAY), formulary(EASYHALER)])
    assert line(lines([two], ROWS, on_formulary=listed, read_on=LAST_DAY), "X1")["to_codes"] == SALAMOL
    assert line(lines([two], ROWS, on_formulary=listed, read_on=DAY_AFTER), "X1")["to_codes"] == EASYHALER
    assert lines([rule()], ROWS, on_formulary=listed, read_on=DAY_AFTER).height == 0


def test_a_propellant_that_changed_since_the_data_is_no_source_and_no_target():
    """Data come two months late: what they say of the can may no longer be so."""
    old = products().with_columns(valid_to=pl.when(pl.col("bnf_code") == VENTOLIN).then(LAST_DAY).otherwise("valid_to"))
    new = products(PRODUCTS_TEXT.replace("HFA-134a", "HFA-152a")).filter(pl.col("bnf_code") == VENTOLIN)
    launched = pl.concat([old, new.with_columns(valid_from=pl.lit(DAY_AFTER))])
    assert lines([rule()], ROWS, inhalers=launched, read_on=LAST_DAY).height == 1
    assert lines([rule()], ROWS, inhalers=launched, read_on=DAY_AFTER).height == 0
