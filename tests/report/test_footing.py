"""The two sentences on what inhalers' kilograms rest on."""

from prescarbon.reference.definitions import read_reference
from prescarbon.report.views.footing import Footing, footing_from

SENTENCES = read_reference().wording["page"]
ROW = {
    "items": 20, "covered_items": 10, "kg_co2e": 250_000, "kg_product": 100_000, "kg_class": 25_000,
    "kg_brand_mix": 125_000, "kg_small": 80_000, "kg_large": 200_000,
}  # fmt: skip


def test_coverage_says_items_with_a_factor_and_what_their_kilograms_rest_on():
    found = footing_from(ROW)
    assert found.coverage_words(SENTENCES).startswith("Coverage: 50% of inhaler items have a factor.")
    assert "40% rests on evidence for the product itself, 10% on its class, 50% on an assumed mix" in (
        found.coverage_words(SENTENCES)
    )
    assert found.shares == {
        "items_with_a_factor": 0.5,
        "kg_by_product": 0.4,
        "kg_by_class": 0.1,
        "kg_by_brand_mix": 0.5,
    }


def test_the_brand_supplied_moves_the_whole_by_what_rests_on_it():
    """250 - 125 + 80 = 205 t with small cans alone, 250 - 125 + 200 = 325 t with large ones."""
    said = footing_from(ROW).brand_words(SENTENCES)
    assert said.startswith(
        "Generic salbutamol: 125 tonnes of the inhalers' 250 tonnes CO2e rests on the brand supplied"
    )
    assert said.endswith("all small cans 205 tonnes, all large cans 325 tonnes.")


def test_no_mix_no_sentence_and_no_factor_no_share():
    none = Footing(0.0, None, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert none.brand_words(SENTENCES) == ""
    assert (none.all_small, none.all_large) == (None, None)
    assert "Of their kg CO2e, not known rests" in none.coverage_words(SENTENCES)
    assert footing_from(ROW | {"items": 0, "covered_items": 0}).covered_items is None
