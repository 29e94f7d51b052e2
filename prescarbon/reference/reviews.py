"""By which day each rule, propellant, factor and formulary row is to be looked at again, and what is overdue."""

from datetime import date, timedelta

import polars as pl

from prescarbon.config import Config
from prescarbon.model.opportunities.guards import PRESSURISED
from prescarbon.model.opportunities.reviews import REVIEWS_SCHEMA
from prescarbon.model.text import without_controls
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.reference.factors import BRANDS, HARMONISED
from prescarbon.reference.sheets import rows_of
from prescarbon.tables.schema import FOREVER

DAYS_AHEAD = 90
KINDS = ("rule", "propellant", "factor", "formulary")
REVIEW = {"kind": pl.String, "id": pl.String, "name": pl.String, "review_by": pl.Date}
IS_PRESSURISED = pl.col("device_type").cast(pl.String).is_in(PRESSURISED)


def find_due(config: Config) -> list[dict[str, object]]:
    """kind, id, name, review_by, overdue: what is overdue on the day of the configuration, or falls due within 90 days."""
    until = config.as_of + timedelta(days=DAYS_AHEAD)
    due = review_days(reference_of(config), config.as_of).filter(pl.col("review_by") <= until)
    return due.with_columns(overdue=pl.col("review_by") < config.as_of).to_dicts()


def review_days(reference: Reference, on: date) -> pl.DataFrame:
    """kind (of KINDS), id, name, review_by of everything in force on a day that has one, the earliest first.

    id  the rule's; else the BNF code of the row
    """
    rules = pl.DataFrame(
        [("rule", r.id, r.title, r.review_by) for r in reference.switches.rules if r.valid_from <= on <= r.valid_to],
        schema=REVIEW,
        orient="row",
    )
    products = rows_of(reference.sheet("products/inhalers.csv"))
    names = products.sort("valid_from").unique("bnf_code", keep="last").select("bnf_code", name="product_name")
    factors = reference.components.collect().join(names, left_on="key", right_on="bnf_code", how="left")
    listed = reference.switches.formulary.collect()
    parts = [
        rules,
        _in_force(products, on).select(
            kind=pl.lit("propellant"), id="bnf_code", name="product_name", review_by="propellant_review_by"
        ),
        _in_force(factors, on).select(kind=pl.lit("factor"), id="key", name="name", review_by="review_by"),
        listed.filter(pl.lit(on).is_between("on_from", "on_to")).select(
            kind=pl.lit("formulary"), id="bnf_code", name="product_name", review_by="review_by"
        ),
    ]
    named = pl.concat(parts).with_columns(without_controls(pl.col("name")))  # a formulary may be anybody's file
    return named.drop_nulls("review_by").sort("review_by", pl.col("kind").cast(pl.Enum(KINDS)), "id")


def reviews_of_products(reference: Reference, month: date, factor_set: str) -> pl.LazyFrame:
    """REVIEWS_SCHEMA of the products of a month: their propellants, and their factors where the set is our own.

    A generic that is a mix of two brands has both their factors' days. A factor that has ended since is to be reviewed by
    its last day; a published or imported set says no day.
    """
    products = _in_force(rows_of(reference.sheet("products/inhalers.csv")), month)
    propellants = products.filter(
        pl.col("propellant_review_by").is_not_null() | (IS_PRESSURISED & (pl.col("valid_to") == FOREVER))
    ).select("bnf_code", "product_name", what=pl.lit("propellant"), review_by="propellant_review_by")
    if factor_set != HARMONISED:
        return propellants.lazy().select(list(REVIEWS_SCHEMA))
    ended = pl.when(pl.col("valid_to") < FOREVER).then("valid_to")
    own = (
        _in_force(reference.components.collect(), month)
        .with_columns(review_by=pl.min_horizontal("review_by", ended))
        .filter(pl.col("review_by").is_not_null() | (pl.col("propellant") != "none"))
        .select("key", "review_by")
    )
    mixed = _in_force(rows_of(reference.sheet("factors/brand-mix.csv")), month)
    of_brands = [
        mixed.select("key", brand=f"{size}_key").join(own, left_on="brand", right_on="key").select("key", "review_by")
        for size in BRANDS
    ]
    of_any = pl.concat([own, *of_brands]).unique().rename({"key": "bnf_code"}).with_columns(what=pl.lit("factor"))
    factors = of_any.join(products.select("bnf_code", "product_name"), on="bnf_code")
    return pl.concat(frame.select(list(REVIEWS_SCHEMA)) for frame in (propellants, factors)).lazy()


def _in_force(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    return rows.filter(pl.lit(day).is_between("valid_from", "valid_to"))
