"""The one heavy step: prescribing → month × practice × presentation; all else in model/ is small.

Two functions: `reduce_to_activity` sums millions of rows in one streaming plan; `read_quantities` then says, for
the few thousand respiratory sums, whether the quantity counted devices, capsules, doses or packs.
"""

import polars as pl

from prescarbon.model.sums import known_sum
from prescarbon.tables.prescribing import ACTIVITY, READS_AS
from prescarbon.tables.schema import COST, GBP, QUANTITY

NOT_AN_INHALER = "not an inhaler"
IS_INHALER = pl.col("reads_as") != NOT_AN_INHALER
KEYS = ["month", "practice_code", "bnf_code"]
MANY_DEVICES_AN_ITEM = 9  # docs/explanation/method.md#quantities; OpenPrescribing's code-month rule has the same bound
PRICE_DECIMALS = 6  # of a row's £ a unit: a dose may cost less than a penny
CHEAP_UNIT = 1.5  # a unit at up to 1.5 × (pack price ÷ doses) is a dose, not a device
DEAR_UNIT = 0.5  # a "capsule" or a "dose" at half a pack's price or more is a pack, or a device


def is_respiratory() -> pl.Expr:
    """True for BNF 0301, 0302 and 0303: the sections where a quantity may count devices."""
    code = pl.col("bnf_code")
    return (code >= "0301") & (code < "0304")


def reduce_to_activity(prescribing: pl.LazyFrame) -> pl.LazyFrame:
    """Sum input rows; respiratory rows stay apart by quantity and by price, because these say how the quantity reads.

    prescribing  table PRESCRIBING
    returns      month, practice_code, bnf_code, quantity? (units an item; null outside 0301–0303), items,
                 unit_price? (£ a unit of the rows; null outside too, and where NIC is not above 0: a row without a price, or
                 one paid back, says nothing of a unit), total_quantity, nic_gbp?, actual_cost_gbp?, rows, rows_without_nic
    """
    is_priced = is_respiratory() & (pl.col("nic_gbp") > 0) & (pl.col("total_quantity") > 0)
    unit_price = pl.col("nic_gbp").cast(pl.Float64) / pl.col("total_quantity").cast(pl.Float64)
    return (
        prescribing.with_columns(
            quantity=pl.when(is_respiratory()).then("quantity"),
            unit_price=pl.when(is_priced).then(unit_price.round(PRICE_DECIMALS)),
        )
        .group_by(*KEYS, "quantity", "unit_price")
        .agg(
            pl.col("items", "total_quantity").sum(),
            known_sum("nic_gbp"),
            known_sum("actual_cost_gbp"),
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("nic_gbp").is_null().sum().cast(pl.Int64).alias("rows_without_nic"),
        )
    )


def in_force(frame: pl.LazyFrame, dated: pl.LazyFrame, *, on: str = "bnf_code") -> pl.LazyFrame:
    """Rows of `dated` (with valid_from, valid_to) in force in each month × key of `frame`; adds `month`."""
    return (
        frame.select("month", on)
        .unique()
        .join(dated, on=on)
        .filter(pl.col("month").is_between("valid_from", "valid_to"))
        .drop("valid_from", "valid_to")
    )


def read_quantities(reduced: pl.LazyFrame, products: pl.LazyFrame, not_inhalers: pl.LazyFrame) -> pl.LazyFrame:
    """Say what each respiratory quantity counts, then sum to table ACTIVITY.

    reduced       what `reduce_to_activity` returns
    products      table PRODUCTS
    not_inhalers  bnf_prefix: respiratory medicines that nobody inhales, as theophylline tablets
    returns       table ACTIVITY, sorted by its grain; a respiratory code that is neither a product nor listed as no
                  inhaler reads as "not known", so that it is loud later
    method        docs/explanation/method.md#quantities
    """
    listed = (
        reduced.filter(pl.col("quantity").is_not_null())
        .select("bnf_code")
        .unique()
        .join(not_inhalers.select("bnf_prefix"), how="cross")
        .filter(pl.col("bnf_code").str.starts_with(pl.col("bnf_prefix")))
        .select("bnf_code", is_listed=True)
        .unique()
    )
    facts = in_force(reduced, products).select(
        "month", "bnf_code", "device_type", "units_per_device", "doses_per_device", "pack_price_gbp"
    )
    quantity = pl.col("quantity").cast(pl.Float64)
    unit_price = pl.col("unit_price")
    pack_price = pl.col("pack_price_gbp").cast(pl.Float64)
    doses = pl.col("doses_per_device").cast(pl.Float64)
    is_dear = unit_price >= DEAR_UNIT * pack_price
    is_paid_as_devices = is_dear.fill_null(value=False)  # no price, no witness
    is_whole_devices_of_doses = (doses >= 20) & (quantity >= doses) & (quantity % doses == 0) & ~is_paid_as_devices
    is_priced_as_doses = (quantity > MANY_DEVICES_AN_ITEM) & (unit_price <= CHEAP_UNIT * pack_price / doses)
    is_priced_as_packs = (quantity <= MANY_DEVICES_AN_ITEM) & is_dear
    reads_as = (
        pl.when(pl.col("quantity").is_null() | pl.col("is_listed"))
        .then(pl.lit(NOT_AN_INHALER))
        .when(pl.col("device_type").is_null())
        .then(pl.lit("not known"))
        .when(pl.col("units_per_device").is_null())  # nebuliser liquids and spacers: no count of inhalers
        .then(pl.lit(NOT_AN_INHALER))
        .when((pl.col("units_per_device") > 1) & is_priced_as_packs)
        .then(pl.lit("packs"))
        .when(pl.col("units_per_device") > 1)
        .then(pl.lit("capsules"))
        .when(is_whole_devices_of_doses | is_priced_as_doses)
        .then(pl.lit("doses"))
        .when(quantity > MANY_DEVICES_AN_ITEM)
        .then(pl.lit("many devices"))
        .otherwise(pl.lit("devices"))
        .cast(READS_AS)
    )
    sums = ["items", "total_quantity", "nic_gbp", "actual_cost_gbp", "rows", "rows_without_nic"]
    return (
        reduced.join(facts, on=["month", "bnf_code"], how="left", validate="m:1")
        .join(listed, on="bnf_code", how="left", validate="m:1")
        .with_columns(reads_as=reads_as)
        .group_by(*KEYS, "reads_as")
        .agg(known_sum(name) for name in sums)
        .with_columns(
            pl.col("total_quantity").cast(QUANTITY),
            pl.col("nic_gbp").cast(GBP),
            pl.col("actual_cost_gbp").cast(COST),
        )
        .select(ACTIVITY.names)
        .sort(ACTIVITY.grain)
    )


def presentation_names(prescribing: pl.LazyFrame) -> pl.LazyFrame:
    """bnf_code → presentation_name: the name printed in the newest month (the first in the alphabet where several are)."""
    return (
        prescribing.group_by("bnf_code", "month")
        .agg(pl.col("presentation_name").min())
        .sort("bnf_code", "month")
        .group_by("bnf_code", maintain_order=True)
        .agg(pl.col("presentation_name").last())
    )
