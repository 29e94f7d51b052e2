"""Rows of reference/factors, and the bands that every factor must lie in."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from prescarbon.reference.cells import Code, Date, NotNegative, Row, Share, Text, one_of
from prescarbon.reference.keys import Number
from prescarbon.tables.products import PROPELLANTS

BASES = ("AR4", "AR5", "AR6")
PROPELLANT_WORDS = PROPELLANTS.categories.to_list()


def _ordered(band: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= band[0] <= band[1]:
        raise ValueError("must be the least and the most, 0 or more")
    return band


# device → propellant → least and most kg a device
Band: TypeAlias = Annotated[tuple[Number, Number], AfterValidator(_ordered), Field(strict=False)]
Bands: TypeAlias = dict[str, dict[str, Band]]


class ComponentRow(Row):
    """factors/inhalers.csv: propellant mass (g) and the rest of the life cycle (kg) of one product in a period.

    shared_key        what is wrong together in the mass; other_shared_key in the rest: empty is the same key
    """

    ORDER = (
        ("propellant_mass_g_low", "propellant_mass_g", "propellant_mass_g_high"),
        ("other_kg_low", "other_kg", "other_kg_high"),
    )
    SPAN = ("valid_from", "valid_to")
    factor_id: Text
    key_kind: Annotated[str, one_of(("product", "class"))]
    key: Code
    propellant: Annotated[str, one_of(PROPELLANT_WORDS)]
    propellant_mass_g_low: NotNegative
    propellant_mass_g: NotNegative
    propellant_mass_g_high: NotNegative
    other_kg_low: NotNegative
    other_kg: NotNegative
    other_kg_high: NotNegative
    shared_key: Text
    other_shared_key: Text | None = None
    valid_from: Date
    valid_to: Date
    source_id: Text
    note: Text
    review_by: Date | None


class BrandMixRow(Row):
    """factors/brand-mix.csv: a generic whose brand is not known, as a stated mix of two in a period.

    local_spread  how practices differ about the mix of all: 0 not at all, 1 each has one brand alone
    """

    MAY_BE_EMPTY = True
    ORDER = (("large_share_low", "large_share", "large_share_high"),)
    SPAN = ("valid_from", "valid_to")
    factor_id: Text
    key: Code
    large_key: Code
    small_key: Code
    large_share_low: Share
    large_share: Share
    large_share_high: Share
    shared_key: Text
    local_spread: Share
    valid_from: Date
    valid_to: Date
    source_id: Text
    note: Text


class GwpRow(Row):
    """factors/gwp100.csv: a propellant's GWP100 by IPCC report."""

    KEY = ("propellant", "gwp_basis")
    propellant: Annotated[str, one_of(PROPELLANT_WORDS)]
    gwp_basis: Annotated[str, one_of(BASES)]
    gwp100: NotNegative
    note: Text | None
    source_id: Text


class PublishedRow(Row):
    """factors/published/*.csv: a published set exactly as printed."""

    KEY = ("key",)
    key: Code
    product_name: Text
    kg_co2e: NotNegative
    scope: Text
    gwp_basis: Text
    in_numerator: Annotated[str, one_of(("0", "1"))]
    in_denominator: Annotated[str, one_of(("0", "1"))]
    source_id: Text


class OwnSetRow(Row):
    """A user's own factor set."""

    KEY = ("key",)
    ORDER = (("kg_low", "kg_co2e", "kg_high"),)
    key: Code
    product_name: Text
    kg_co2e: NotNegative
    scope: Text
    gwp_basis: Text
    source_id: Text
    kg_low: NotNegative | None = None
    kg_high: NotNegative | None = None
