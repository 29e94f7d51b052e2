"""What the inhalers' kilograms of one organisation rest on, and the two sentences that say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prescarbon.report.views.numbers import amount, percent


@dataclass(frozen=True)
class Footing:
    """The inhalers of an organisation over the period, by the evidence behind their kilograms.

    covered_items  share of inhaler items with any factor
    kg             kg CO2e of all inhalers; None where none has a factor
    kg_product, kg_class, kg_brand_mix  of those: by a value of the product, of its class, of an assumed mix of brands
    kg_small, kg_large  kg of the generics of a mix, were all of the small-can or of the large-can brand
    """

    covered_items: float | None
    kg: float | None
    kg_product: float
    kg_class: float
    kg_brand_mix: float
    kg_small: float
    kg_large: float

    @property
    def all_small(self) -> float | None:
        """kg CO2e of all inhalers, were every generic of a mix the small-can brand."""
        return self._with(self.kg_small)

    @property
    def all_large(self) -> float | None:
        """kg CO2e of all inhalers, were every generic of a mix the large-can brand."""
        return self._with(self.kg_large)

    def share(self, part: float) -> float | None:
        """A part of the inhalers' kilograms (0–1); None where there are none."""
        return part / self.kg if self.kg else None

    @property
    def shares(self) -> dict[str, float | None]:
        """Coverage as the run manifest keeps it: shares (0–1) of items and of kilograms."""
        parts = {"product": self.kg_product, "class": self.kg_class, "brand_mix": self.kg_brand_mix}
        return {
            "items_with_a_factor": self.covered_items,
            **{f"kg_by_{method}": self.share(kg) for method, kg in parts.items()},
        }

    def coverage_words(self, sentences: Mapping[str, Any]) -> str:
        """Coverage in one sentence: items with a factor, and what the kilograms rest on.

        sentences  group "page" of the wording
        """
        return str(sentences["coverage"]).format(
            items=percent(self.covered_items),
            product=percent(self.share(self.kg_product)),
            of_class=percent(self.share(self.kg_class)),
            mix=percent(self.share(self.kg_brand_mix)),
        )

    def brand_words(self, sentences: Mapping[str, Any]) -> str:
        """How much moves between one brand and the other; empty where nothing does.

        sentences  group "page" of the wording
        """
        if not self.kg_brand_mix:
            return ""
        mixed, small, large = (
            amount(kg).removesuffix(" CO2e") for kg in (self.kg_brand_mix, self.all_small, self.all_large)
        )
        return str(sentences["brand_supplied"]).format(mixed=mixed, whole=amount(self.kg), small=small, large=large)

    def _with(self, other: float) -> float | None:
        return None if self.kg is None else self.kg - self.kg_brand_mix + other


def footing_from(row: Mapping[str, Any]) -> Footing:
    """A row of `Evidence.footing` as what a page shows."""
    items, kg = row["items"], row["kg_co2e"]
    parts = ("kg_product", "kg_class", "kg_brand_mix", "kg_small", "kg_large")
    return Footing(
        row["covered_items"] / items if items else None,
        None if kg is None else float(kg),
        *(float(row[part]) for part in parts),
    )
