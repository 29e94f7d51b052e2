"""Tables from the input row to its kilograms: prescribing, rejects, activity, footprint."""

import polars as pl

from prescarbon.tables.schema import BNF, COST, GBP, KG, MONTH, PRACTICE, QUANTITY, Column, Table

# "many devices": more than nine an item, kept as claimed and flagged; "doses" and "packs": corrected and flagged
READS_AS = pl.Enum(["devices", "many devices", "capsules", "doses", "packs", "not known", "not an inhaler"])
METHODS = pl.Enum(["product", "class", "brand_mix", "spend", "spend_actual_cost", "unknown"])
SPEND_METHODS = ("spend", "spend_actual_cost")  # by £: the second where the data have no NIC of the product
PRESCRIBING = Table(
    "prescribing",
    ("input row",),
    (
        MONTH,
        Column(
            "practice_code",
            pl.String,
            "ODS code of the practice or cost centre that prescribed.",
            holds=pl.col("practice_code").str.len_bytes().is_between(1, 12),
        ),
        Column("practice_name", pl.String, "Name printed on the row.", may_be_null=True),
        Column("bnf_code", pl.String, BNF.words, holds=pl.col("bnf_code").str.len_bytes().is_in([11, 15])),
        Column("snomed_code", pl.String, "SNOMED CT code of the product, where the layout has one.", may_be_null=True),
        Column("presentation_name", pl.String, "Name of the presentation as published."),
        Column("quantity", QUANTITY, "Quantity of one item.", "units an item", holds=pl.col("quantity") >= 0),
        Column("items", pl.Int64, "Prescription items. Never patients.", "items", holds=pl.col("items") >= 0),
        Column("total_quantity", QUANTITY, "Quantity × items.", "units", holds=pl.col("total_quantity") >= 0),
        Column("nic_gbp", GBP, "Net ingredient cost; null where the layout has none.", "£", may_be_null=True),
        Column("actual_cost_gbp", COST, "Actual cost; null where the layout has none.", "£", may_be_null=True),
        Column(
            "sub_icb_code", pl.String, "Sub-ICB location (or CCG) on the row, without trailing 00.", may_be_null=True
        ),
        Column("icb_code", pl.String, "ICB (or STP, area team) on the row.", may_be_null=True),
    ),
)

REJECTS = Table(
    "rejects",
    ("input row",),
    (
        Column("source_file", pl.String, "File the row came from."),
        Column("line", pl.Int64, "Its line in that file, the header being line 1."),
        Column("reason", pl.String, "Why it cannot be used."),
        Column("nic_gbp", GBP, "Its net ingredient cost, where readable.", "£", may_be_null=True),
        Column("row_text", pl.String, "The row as read."),
    ),
)
ACTIVITY = Table(
    "activity",
    ("month", "practice_code", "bnf_code", "reads_as"),
    (
        MONTH,
        PRACTICE,
        BNF,
        Column("reads_as", READS_AS, "What the quantity counts; see the closed list in docs/explanation/method.md."),
        Column("items", pl.Int64, "Prescription items. Never patients.", "items"),
        Column("total_quantity", QUANTITY, "Σ quantity × items.", "units"),
        Column("nic_gbp", GBP, "Net ingredient cost.", "£", may_be_null=True),
        Column("actual_cost_gbp", COST, "Actual cost.", "£", may_be_null=True),
        Column("rows", pl.Int64, "Input rows summed.", "rows"),
        Column(
            "rows_without_nic", pl.Int64, "Those of them whose NIC is not in the data: no sum of £ has them.", "rows"
        ),
    ),
)

FOOTPRINT = Table(
    "footprint",
    ACTIVITY.grain,
    (
        *ACTIVITY.columns,
        Column("devices", pl.Float64, "Inhalers; null for what is not an inhaler.", "devices", may_be_null=True),
        Column("kg_low", KG, "Low end.", "kg CO2e", may_be_null=True),
        Column("kg_co2e", KG, "Central value; null where no factor holds, never zero.", "kg CO2e", may_be_null=True),
        Column("kg_high", KG, "High end.", "kg CO2e", may_be_null=True),
        Column("method", METHODS, "How the kilograms were come by."),
        Column("factor_id", pl.String, "The factor used.", may_be_null=True),
    ),
)

PRICES = Table(
    "prices",
    ("bnf_code",),
    (
        BNF,
        Column(
            "price_gbp", pl.Float64, "Constant price of one unit of quantity, in the £ of the spend factors' year.", "£"
        ),
        Column("price_from", pl.Date, "First month that the price is of."),
        Column("price_to", pl.Date, "Last month that the price is of."),
        Column("is_base", pl.Boolean, "Of the base period; false: of the first month in which it was sold."),
        Column("cost", pl.Enum(["NIC", "actual cost"]), "Which £ the price is made of."),
    ),
)
