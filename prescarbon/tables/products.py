"""Tables of products and factors, and the closed lists of their words."""

import polars as pl

from prescarbon.tables.schema import BNF, GBP, SOURCE, VALID_FROM, VALID_TO, Column, Table

DRUG_CLASSES = pl.Enum(
    [
        "SABA",
        "SAMA",
        "SABA/SAMA",
        "SABA/ICS",
        "LABA",
        "LAMA",
        "LABA/LAMA",
        "ICS",
        "ICS/LABA",
        "triple",
        "mast-cell stabiliser",
    ]
)
DEVICES = pl.Enum(["pMDI", "BAI", "DPI", "SMI", "nebuliser", "spacer", "other"])
PROPELLANTS = pl.Enum(["HFA-134a", "HFA-227ea", "HFA-152a", "HFO-1234ze", "none", "unknown"])
PRODUCTS = Table(
    "products",
    ("bnf_code", "valid_from"),
    (
        BNF,
        Column("product_name", pl.String, "Name of the presentation."),
        Column("drug_class", DRUG_CLASSES, "Class of the medicine inside; null for a spacer.", may_be_null=True),
        Column("device_type", DEVICES, "How it is inhaled."),
        Column("propellant", PROPELLANTS, "What drives the spray in this period; none where nothing does."),
        Column("brand", pl.String, "Brand name; null for a generic.", may_be_null=True),
        Column("is_brand_known", pl.Boolean, "False where a generic code can be any brand."),
        Column("doses_per_device", pl.Int32, "Doses in a full device.", "doses", may_be_null=True),
        Column(
            "units_per_device",
            pl.Int32,
            "Units of quantity that make one device: 1, or capsules (or doses) a device; null where it is no count of devices.",
            "units",
            may_be_null=True,
        ),
        Column(
            "pack_price_gbp",
            GBP,
            "Price of one device (or pack of capsules); null where no source gives one.",
            "£",
            may_be_null=True,
        ),
        Column("is_reusable", pl.Boolean, "True where the device takes refills and the code is the refill."),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ),
)

FACTORS = Table(
    "factors",
    ("factor_set", "key", "valid_from"),
    (
        Column("factor_set", pl.String, "harmonised, or the name of a published or imported set."),
        Column("factor_id", pl.String, "Names the factor on pages and in `explain`."),
        Column(
            "key_kind",
            pl.Enum(["product", "class", "brand_mix", "spend"]),
            "What the key is and how the value was come by.",
        ),
        Column("key", pl.String, "A BNF presentation code, or a BNF prefix for spend."),
        Column("kg_low", pl.Float64, "Low end.", "kg CO2e a device, or a £"),
        Column("kg_co2e", pl.Float64, "Central value.", "kg CO2e a device, or a £"),
        Column("kg_high", pl.Float64, "High end.", "kg CO2e a device, or a £"),
        Column("scope", pl.String, "What is counted: whole life cycle, propellant only, supply chain."),
        Column("gwp_basis", pl.String, "IPCC report of the GWP100: AR4, AR5, AR6, or not stated."),
        VALID_FROM,
        VALID_TO,
        SOURCE,
        Column("note", pl.String, "What a reader should know.", may_be_null=True),
    ),
)

ERROR_PARTS = Table(
    "error_parts",
    ("factor_id", "shared_key"),
    (
        Column("factor_id", pl.String, "The factor whose error it is a part of."),
        Column("shared_key", pl.String, "What is wrong: parts with one key take the same place in every draw."),
        Column(
            "below",
            pl.Float64,
            "How far it can move the factor down.",
            "distance from the central value to the low end",
        ),
        Column(
            "above", pl.Float64, "How far it can move the factor up.", "distance from the central value to the high end"
        ),
        Column(
            "centre",
            pl.Float64,
            "Where the central value stands between the ends of what practices differ in; null where they do not.",
            "0–1",
            may_be_null=True,
        ),
        Column(
            "local_spread",
            pl.Float64,
            "How practices differ about the place of all: 0 not at all, 1 each at one end.",
            "0–1",
            may_be_null=True,
        ),
    ),
)
