"""Measures × organisations × periods in one pass: sum by practice and month once, then by organisation, then divide.

A code is read with its month: by the products row in force that month, else by the row of its generic (first nine
characters, AA, the last two twice), as OpenPrescribing finds the form of a brand in dm+d. A code that neither knows
has no device type and meets no condition on one.
"""

from collections.abc import Sequence

import polars as pl

from prescarbon.errors import DefinitionError
from prescarbon.model.activity import MANY_DEVICES_AN_ITEM, in_force
from prescarbon.model.measures.definition import Conditions, Measure, Term, Values
from prescarbon.model.period import calendar_months
from prescarbon.model.sums import KILOGRAMS
from prescarbon.tables.measures import MEASURE_VALUES
from prescarbon.tables.organisations import MEASURE_LEVELS
from prescarbon.tables.schema import EXACT, GATES

KIND = ["month", "bnf_code", "reads_as", "method", "has_factor"]  # what conditions may ask of a row, besides products
PRODUCT = [
    "device_type",
    "drug_class",
    "propellant",
    "is_brand_known",
    "is_reusable",
    "units_per_device",
    "doses_per_device",
]
PRACTICES_OF_ENGLAND = 5_000  # England has about 9,300 practices and cost centres a month; one ICB has hundreds
ORGANISATION = ["organisation_code", "level", "period_start", "period_end"]


def run_measures(
    measures: Sequence[Measure],
    footprint: pl.LazyFrame,
    products: pl.LazyFrame,
    memberships: pl.LazyFrame,
    list_sizes: pl.LazyFrame,
    periods: pl.LazyFrame,
) -> pl.LazyFrame:
    """Every measure for every organisation and period.

    footprint    table FOOTPRINT; also the rows by which a code's quantity in a month is judged, whatever the setting
    products     table PRODUCTS
    memberships  practice_code, month, organisation_code, level, setting, is_due: each practice under each organisation it
                 is summed to in that month; a practice without one is in no value. A month in which a practice that is due
                 has no rows is no whole month of its organisation
    list_sizes   table LIST_SIZES
    periods      period_start, period_end (first days of the first and the last month)
    returns      table MEASURE_VALUES, sorted by level, organisation, period and measure: a row for each organisation
                 with members in the period; without measures none. Value is null at 0/0, where nothing in the numerator
                 is known, and where no member that the measure counts has rows. A practice's people count in the months
                 in which it has rows, as its items do
    raises       DefinitionError when an id stands twice
    method       docs/explanation/method.md#measures
    """
    ids = [m.id for m in measures]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise DefinitionError(f"the measure {', '.join(twice)} stands twice.", where="reference/measures")
    if not measures:
        return pl.LazyFrame(schema=MEASURE_VALUES.schema)
    terms = _terms_of(measures)
    by_practice = sum_terms(terms, footprint, products)
    reported = footprint.select("practice_code", "month", has_rows=pl.lit(value=True)).unique()
    in_month = ["organisation_code", "level", "month"]
    members = (
        memberships.filter(pl.col("organisation_code").is_not_null())
        .with_columns(pl.col("setting").cast(pl.String), pl.col("level").cast(MEASURE_LEVELS))
        .join(reported, on=["practice_code", "month"], how="left", validate="m:1")
        .with_columns(pl.col("has_rows").fill_null(value=False))
        .with_columns(is_whole=(pl.col("has_rows") | ~pl.col("is_due")).all().over(in_month))
        .join(by_practice, on=["practice_code", "month"], how="left", validate="m:1")
        .join(
            list_sizes.select("practice_code", "month", "patients"),
            on=["practice_code", "month"],
            how="left",
            validate="m:1",
        )
    )
    summed = (
        members.join(periods.select("period_start", "period_end").unique(), how="cross")
        .filter(pl.col("month").is_between("period_start", "period_end"))
        .group_by(ORGANISATION)
        .agg(e for j, m in enumerate(measures) for e in _organisation_sums(f"m{j}", m, terms))
        .with_columns(months=calendar_months("period_start", "period_end"))
    )
    values = [_value(f"m{j}", m).alias(m.id) for j, m in enumerate(measures)]
    return MEASURE_VALUES.admit(
        summed.select(*ORGANISATION, pl.concat_list(values).alias("values"))
        .explode("values", empty_as_null=True, keep_nulls=True)
        .unnest("values")
        .sort("level", "organisation_code", "period_start", "period_end", "measure_id")
    )


def sum_terms(terms: Sequence[Term], footprint: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    """practice_code × month → for each term t: t (sum), t_low, t_high (kg), t_items and t_known (items met, items known)."""
    rows = footprint.with_columns(has_factor=pl.col("kg_co2e").is_not_null())
    kinds = classify_codes(rows.select(KIND).unique(), products).join(
        _pack_divisors(footprint, products), on=["month", "bnf_code"], how="left", validate="m:1"
    )
    asked = [(f"t{i}", t) for i, t in enumerate(terms) if t.sum != "patients"]
    kept = (
        kinds.with_columns(
            *(_meets(t.where).alias(f"{name}_in") for name, t in asked),
            *(
                pl.col("bnf_code")
                .replace_strict(dict(t.weights), default=0.0, return_dtype=pl.Float64)
                .alias(f"{name}_w")
                for name, t in asked
                if t.weights
            ),
        )
        .filter(pl.any_horizontal([f"{name}_in" for name, _ in asked]))
        .select(*KIND, "divisor", pl.selectors.matches(r"^t\d+_(in|w)$"))
    )
    return (
        rows.join(kept, on=KIND, how="inner", validate="m:1")
        .group_by("practice_code", "month")
        .agg(e for name, t in asked for e in _term_sums(name, t))
    )


def classify_codes(codes: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    """Rows with month and bnf_code plus generic_code, what products say of them that month, and is_known (by its own code)."""
    generic = pl.when(pl.col("bnf_code").str.len_bytes() == 15).then(  # appliances have 11 digits and no generic
        pl.concat_str(pl.col("bnf_code").str.slice(0, 9), pl.lit("AA"), *[pl.col("bnf_code").str.slice(13)] * 2)
    )
    rows = codes.with_columns(generic_code=generic)
    keys = rows.select("month", "bnf_code", "generic_code").unique()
    own = in_force(keys, products).select("month", "bnf_code", *PRODUCT, is_known=pl.lit(value=True))
    by_generic = in_force(keys.select("month", bnf_code="generic_code").drop_nulls(), products).select(
        "month", pl.col("bnf_code").alias("generic_code"), *[pl.col(c).alias(f"{c}_of_generic") for c in PRODUCT]
    )
    return (
        rows.join(own, on=["month", "bnf_code"], how="left", validate="m:1")
        .join(by_generic, on=["month", "generic_code"], how="left", validate="m:1")
        .with_columns(
            pl.col("is_known").fill_null(value=False),
            *(pl.when(pl.col("is_known")).then(c).otherwise(f"{c}_of_generic").alias(c) for c in PRODUCT),
        )
        .drop(f"{c}_of_generic" for c in PRODUCT)
    )


def _terms_of(measures: Sequence[Measure]) -> list[Term]:
    terms = [t for m in measures for t in (m.numerator, m.denominator, m.counts) if t is not None]
    return list(dict.fromkeys(terms))


def _pack_divisors(footprint: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    """month × bnf_code → divisor: the pack where the month's mean quantity an item says capsules or doses, else 1.

    The mean is England's by the published rule. Capsules have a high mean anywhere; a code counted in devices has one on
    part of England only by a few errors, which England's mean would not show: there it is divided for all England alone.
    """
    by_code = footprint.group_by("month", "bnf_code").agg(pl.col("total_quantity", "items").sum())
    practices = footprint.group_by("month").agg(pl.col("practice_code").n_unique().alias("practices"))
    is_many = pl.col("total_quantity").cast(pl.Float64) > MANY_DEVICES_AN_ITEM * pl.col("items")
    pack = (
        pl.when(pl.col("units_per_device") > 1)
        .then("units_per_device")
        .when(pl.col("practices") >= PRACTICES_OF_ENGLAND)
        .then("doses_per_device")
    )
    return (
        classify_codes(by_code, products)
        .join(practices, on="month", how="left", validate="m:1")
        .select("month", "bnf_code", divisor=pl.when(is_many).then(pack).fill_null(1).cast(pl.Float64))
    )


def _meets(where: tuple[Conditions, ...]) -> pl.Expr:
    alternatives = [pl.all_horizontal([_condition(name, values) for name, values in a]) for a in where]
    return pl.any_horizontal(alternatives).fill_null(value=False)


def _condition(name: str, values: Values) -> pl.Expr:
    column = name.removeprefix("not_")
    if isinstance(values, bool):
        return pl.col(column) == values
    if column == "bnf_prefix":
        found = pl.any_horizontal([pl.col("bnf_code").str.starts_with(v) for v in values])
    elif column == "codes_or_generic":
        listed = pl.Series(values)
        by_generic = ~pl.col("is_known") & pl.col("generic_code").is_in(listed.implode()).fill_null(value=False)
        found = pl.col("bnf_code").is_in(listed.implode()) | by_generic
    elif column in ("codes", "bnf_code"):
        found = pl.col("bnf_code").is_in(pl.Series(values).implode())
    else:
        found = pl.col(column).cast(pl.String).is_in(pl.Series(values).implode())
    return ~found if name != column else found


def _term_sums(name: str, term: Term) -> list[pl.Expr]:
    is_in = pl.col(f"{name}_in")
    quantity = pl.col("total_quantity").cast(pl.Float64)
    amounts = {
        "items": pl.col("items"),
        "total_quantity": (quantity * pl.col(f"{name}_w")).round(6) if term.weights else pl.col("total_quantity"),
        "inhalers": (quantity / pl.col("divisor")).round(6),
        "devices": pl.col("devices").round(6),
        "nic_gbp": pl.col("nic_gbp"),
        "kg_co2e": pl.col("kg_co2e"),
    }
    amount = amounts[term.sum].cast(EXACT)
    sums = [
        amount.filter(is_in).sum().alias(name),
        pl.col("items").filter(is_in).sum().alias(f"{name}_items"),
        pl.col("items").filter(is_in & amount.is_not_null()).sum().alias(f"{name}_known"),
    ]
    if term.sum == "kg_co2e":
        sums += [pl.col(k).filter(is_in).sum().cast(EXACT).alias(f"{name}_{k}") for k in KILOGRAMS if k != "kg_co2e"]
    return sums


def _organisation_sums(prefix: str, measure: Measure, terms: Sequence[Term]) -> list[pl.Expr]:
    """The measure's sums over an organisation's practices and months of its settings (and with a list, where it divides by one)."""
    counted = pl.col("has_rows")
    if measure.settings:
        counted &= pl.col("setting").is_in(pl.Series(measure.settings).implode())
    within = counted & pl.col("patients").is_not_null() if measure.is_per_patient else counted
    listed = counted & pl.col("patients").is_not_null()

    def total(column: str, mask: pl.Expr) -> pl.Expr:
        return pl.col(column).filter(mask).sum()

    named = {"num": measure.numerator, "den": measure.denominator, "cnt": measure.counts}
    sums = [
        pl.col("patients").filter(counted).sum().alias(f"{prefix}_patients"),
        pl.col("month").filter(listed).n_unique().cast(pl.Int64).alias(f"{prefix}_months_listed"),
        pl.col("month").filter(within & pl.col("is_whole")).n_unique().cast(pl.Int64).alias(f"{prefix}_months_held"),
        within.any().alias(f"{prefix}_reports"),
    ]
    for part, term in named.items():
        if term is None or term.sum == "patients":
            continue
        name = f"t{terms.index(term)}"
        sums += [
            total(name, within).alias(f"{prefix}_{part}"),
            total(f"{name}_items", within).alias(f"{prefix}_{part}_items"),
            total(f"{name}_items", counted).alias(f"{prefix}_{part}_all_items"),
            total(f"{name}_known", within).alias(f"{prefix}_{part}_known"),
        ]
        if part == "num" and term.sum == "kg_co2e":
            sums += [total(f"{name}_{k}", within).alias(f"{prefix}_{k}") for k in ("kg_low", "kg_high")]
    return sums


def _value(prefix: str, measure: Measure) -> pl.Expr:
    """One measure's columns of MEASURE_VALUES as a struct."""
    known = pl.col(f"{prefix}_reports") & ((pl.col(f"{prefix}_num_items") == 0) | (pl.col(f"{prefix}_num_known") > 0))
    numerator = pl.when(known).then(pl.col(f"{prefix}_num")).cast(EXACT)
    months_listed = pl.col(f"{prefix}_months_listed")
    patients = pl.when(months_listed > 0).then(pl.col(f"{prefix}_patients").cast(pl.Float64) / months_listed)
    if measure.denominator is None:
        denominator, divisor = pl.lit(None, EXACT), pl.lit(1.0)
    else:
        summed = patients.round(6) if measure.is_per_patient else pl.col(f"{prefix}_den")
        denominator = pl.when(f"{prefix}_reports").then(summed).cast(EXACT)
        divisor = pl.when(denominator != 0).then(denominator.cast(pl.Float64))

    def ratio(amount: pl.Expr) -> pl.Expr:
        return amount.cast(pl.Float64) * measure.scale / divisor

    is_kg, divides_kg = measure.numerator.sum == "kg_co2e", measure.denominator and measure.denominator.sum == "kg_co2e"
    nothing = pl.lit(None, pl.Float64)
    low, high = (
        (ratio(pl.when(known).then(f"{prefix}_{k}")) for k in ("kg_low", "kg_high"))
        if is_kg and not divides_kg
        else (nothing, nothing)
    )
    part = "den" if divides_kg else "num"
    coverage = (
        pl.when(pl.col(f"{prefix}_{part}_all_items") > 0).then(
            pl.col(f"{prefix}_{part}_known") / pl.col(f"{prefix}_{part}_all_items")
        )
        if is_kg or divides_kg or measure.is_per_patient
        else nothing
    )
    return pl.struct(
        pl.lit(measure.id).alias("measure_id"),
        numerator.alias("numerator"),
        denominator.alias("denominator"),
        ratio(numerator).alias("value"),
        low.alias("low"),
        high.alias("high"),
        coverage.cast(pl.Float64).alias("coverage"),
        "months",
        pl.col(f"{prefix}_months_held").alias("months_held"),
        _gate(prefix, measure, patients).alias("gate"),
    )


def _gate(prefix: str, measure: Measure, patients: pl.Expr) -> pl.Expr:
    gates = measure.gates
    count = pl.col(f"{prefix}_cnt")
    months_held = pl.col(f"{prefix}_months_held")
    is_whole = (months_held == pl.col("months")) & (months_held >= gates.months)
    is_fit = (patients >= gates.list_size).fill_null(value=False) if gates.list_size else pl.lit(value=True)
    return (
        pl.when(is_fit & (count >= gates.ranked) & is_whole)
        .then(pl.lit("ranked"))
        .when(is_fit & (count >= gates.shown))
        .then(pl.lit("shown"))
        .otherwise(pl.lit("listed"))
        .cast(GATES)
    )
