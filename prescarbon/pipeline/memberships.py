"""Which organisation of a level each practice belongs to, month by month."""

import polars as pl

from prescarbon.model.organisations import practices_in_force
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.scope import read_practices
from prescarbon.reference.files import read_toml

LEVELS = {"practice": "practice_code", "pcn": "pcn_code", "sub-icb": "sub_icb_code", "icb": "icb_code"}
PLACE, GROUP = "place", "group"
SCOPE = "all practices in scope"


def memberships(evidence: Evidence, level: str) -> pl.LazyFrame:
    """practice_code, month, organisation_code, level, setting of every practice with rows, month by month."""
    practices = read_practices(evidence.config.home, evidence.reference.root).collect().lazy()
    known = practices_in_force(practices, evidence.months, evidence.config.membership).select(
        "practice_code",
        "month",
        _organisation(evidence, level).alias("organisation_code"),
        pl.lit(level).alias("level"),
        pl.col("setting").cast(pl.String),
    )
    with_rows = evidence.footprint.lazy().select("practice_code", "month").unique()
    if level in (
        "sub-icb",
        "icb",
        "practice",
        GROUP,
    ):  # what the rows print, where no organisations file names a practice
        own = evidence.practices.lazy().select("practice_code", organisation_code=_organisation(evidence, level))
        nameless = with_rows.join(known, on=["practice_code", "month"], how="anti").join(own, on="practice_code")
        known = pl.concat(
            [known, nameless.with_columns(level=pl.lit(level), setting=pl.lit("not known"))],
            how="diagonal",
        )
    return known.drop_nulls("organisation_code").join(
        with_rows.select("practice_code").unique(), on="practice_code", how="semi"
    )


def _organisation(evidence: Evidence, level: str) -> pl.Expr:
    if level == GROUP:
        return pl.lit(SCOPE)
    return _place(evidence, pl.col("practice_code")) if level == PLACE else pl.col(LEVELS[level])


def _place(evidence: Evidence, practice: pl.Expr) -> pl.Expr:
    places = read_toml(evidence.reference.root / "organisations" / "places.toml")
    where = {code: name for name, place in places.items() for code in place.get("practice_codes", ())}
    return practice.replace_strict(where, default=None, return_dtype=pl.String)
