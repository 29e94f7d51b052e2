"""Rows of reference/products and of the sample's catalogue, and the frames made of them."""

import re
from typing import Annotated

import polars as pl

from prescarbon.reference.cells import (
    Code,
    Date,
    Flag,
    Money,
    NotNegative,
    Prefix,
    Row,
    SmallCount,
    Text,
    fitting,
    one_of,
)
from prescarbon.tables.products import DEVICES, DRUG_CLASSES, PRODUCTS, PROPELLANTS

QUANTITIES = re.compile(r"[0-9]+(\.[0-9]+)?(\|[0-9]+(\.[0-9]+)?)*")


class ProductRow(Row):
    """products/inhalers.csv: a presentation in a period.

    doses_source_id  where its doses are not those of source_id
    """

    SPAN = ("valid_from", "valid_to")
    bnf_code: Code
    product_name: Text
    drug_class: Annotated[str, one_of(DRUG_CLASSES)] | None
    device_type: Annotated[str, one_of(DEVICES)]
    propellant: Annotated[str, one_of(PROPELLANTS)]
    brand: Text | None
    is_brand_known: Flag
    doses_per_device: SmallCount | None
    units_per_device: SmallCount | None
    pack_price_gbp: Money | None
    is_reusable: Flag
    valid_from: Date
    valid_to: Date
    pack_price_date: Date | None
    pack_price_source_id: Text | None
    doses_source_id: Text | None = None
    source_id: Text
    propellant_review_by: Date | None


class NotInhalerRow(Row):
    """products/not-inhalers.csv: respiratory medicines that nobody inhales."""

    MAY_BE_EMPTY = True
    KEY = ("bnf_prefix",)
    bnf_prefix: Prefix
    name: Text
    source_id: Text


class WithoutFactorRow(Row):
    """products/without-factor.csv: inhalers that no source gives a kilogram for, and why."""

    MAY_BE_EMPTY = True
    KEY = ("bnf_code",)
    bnf_code: Code
    product_name: Text
    reason: Text


class CodeChangeRow(Row):
    """products/code-changes.csv: an old BNF code and its new one, from which January."""

    MAY_BE_EMPTY = True
    KEY = ("old_code",)
    old_code: Code
    new_code: Code
    valid_from: Date
    product_name: Text | None
    source_id: Text


class CatalogueRow(Row):
    """sample/catalogue.csv: what the SYNTHETIC sample draws from."""

    SPAN = ("valid_from", "valid_to")
    bnf_code: Code
    presentation_name: Text
    snomed_code: Text | None
    quantities: Annotated[str, fitting(QUANTITIES, "is no list of quantities like 1|2")]
    unit_price_gbp: NotNegative
    price_basis: Text
    items_a_1000_people: NotNegative
    yearly_trend: NotNegative
    kind: Text
    valid_from: Date
    valid_to: Date
    chapter: Text
    substance: Text | None


def products_of(rows: pl.DataFrame) -> pl.LazyFrame:
    """Table PRODUCTS from rows of products/inhalers.csv."""
    return PRODUCTS.admit(rows.lazy())


def series_of(changes: pl.LazyFrame) -> pl.LazyFrame:
    """bnf_code → series_code: the newest code of the same product, so that a January change breaks no series.

    No code is both old and new, or reused, in the changes known (`reference check` proves it), so a code alone decides.
    """
    return changes.select(bnf_code="old_code", series_code="new_code")
