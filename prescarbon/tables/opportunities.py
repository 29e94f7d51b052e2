"""Table of opportunities and the closed lists of its words."""

import polars as pl

from prescarbon.tables.schema import GATES, GBP, KG, Column, Table

RULE_KINDS = pl.Enum(
    ["over-use", "product switch", "refill", "device reuse", "duration", "form", "low value", "safety"]
)
BETWEEN = "; "  # parts of a column that holds several
CHANGES_PRODUCT = ("product switch", "refill", "device reuse")
EFFORTS = pl.Enum(["low", "medium", "high"])
PRICE_BASES = pl.Enum(["own NIC", "area NIC", "pack price", "none needed", "not known"])
SCENARIO_WORDS = {
    "theoretical": "if every unit changed",
    "attended": "at most, if everyone who attends a review changes, never beyond the peers; null where no source gives a share",
    "to_peer": "on reaching the lower quartile of the peers' true rates; null where nothing can be claimed",
}

OPPORTUNITIES = Table(
    "opportunities",
    ("level", "organisation_code", "rule_id"),
    (
        Column("level", pl.String, "practice, or the organisation the practices were summed to."),
        Column("organisation_code", pl.String, "Code of the practice, PCN, sub-ICB location or ICB."),
        Column("period_start", pl.Date, "First month summed."),
        Column("period_end", pl.Date, "Last month summed; factors and products are those of this month."),
        Column("rule_id", pl.String, "The rule in reference/switches."),
        Column("title", pl.String, "What the rule suggests, in a line."),
        Column("kind", RULE_KINDS, "Kind of action."),
        Column("family", pl.String, "Rules of one family concern the same medicines."),
        Column("from_codes", pl.String, "BNF codes found here that the rule speaks of, with a blank between."),
        Column("to_codes", pl.String, "BNF codes of the targets on the formulary.", may_be_null=True),
        Column("from_words", pl.String, "What it is about, in the rule's words."),
        Column("from_products", pl.String, "Names of the products found here, where they are known.", may_be_null=True),
        Column(
            "to_words",
            pl.String,
            "Name of the target on the formulary, or what the rule asks for instead.",
            may_be_null=True,
        ),
        Column("dose_from", pl.String, "Dose before: puffs, and micrograms a day.", may_be_null=True),
        Column("dose_to", pl.String, "Dose after: puffs, and micrograms a day.", may_be_null=True),
        Column("dose_words", pl.String, "The dose equivalence in the rule's words.", may_be_null=True),
        Column("licence", pl.String, "Licence of the target: age, indication, MART or AIR.", may_be_null=True),
        Column("not_for", pl.String, "Whom it is not for.", may_be_null=True),
        Column("checks", pl.String, "What to check with the person first.", may_be_null=True),
        Column(
            "month_price_from_gbp",
            pl.Float64,
            "Price of what is prescribed now, at its NIC, for what month_price_words says; a mean over the units.",
            "£",
            may_be_null=True,
        ),
        Column(
            "month_price_to_gbp",
            pl.Float64,
            "Price of what takes its place, for what month_price_words says; a mean over the units.",
            "£",
            may_be_null=True,
        ),
        Column(
            "month_price_words",
            pl.String,
            "What the two prices are of: 30 days at the dose stated, or, where that is as needed, one device and what replaces it.",
            may_be_null=True,
        ),
        Column("month_price_date", pl.Date, "The older date of the two prices.", may_be_null=True),
        Column(
            "gbp_per_tonne",
            pl.Float64,
            "Change in cost for each tonne saved, on the basis the line is ranked by; a fall is negative.",
            "£ a tonne CO2e",
            may_be_null=True,
        ),
        Column("evidence", pl.String, "What the rule rests on."),
        Column("evidence_url", pl.String, "Where that stands."),
        Column(
            "why_draft",
            pl.String,
            "Why the line is a draft: no sign-off that holds, or which review is overdue and since when.",
            may_be_null=True,
        ),
        Column("signed_by", pl.String, "The body that signed the rule.", may_be_null=True),
        Column("signed_on", pl.Date, "When it did.", may_be_null=True),
        Column("review_by", pl.Date, "When rule or signature are to be reviewed, whichever comes first."),
        Column("unit_name", pl.String, "What `units` counts: inhalers, pens, units of quantity."),
        Column("items", pl.Int64, "Prescription items concerned. Never patients.", "items"),
        Column("units", pl.Float64, "Inhalers, pens or units of quantity concerned.", "units"),
        Column("units_without_kg", pl.Float64, "Of these, units whose saving is unknown: no factor.", "units"),
        Column(
            "units_before",
            pl.Float64,
            "Units in as many months just before the campaign began.",
            "units",
            may_be_null=True,
        ),
        *(
            Column(
                f"kg_{s}{counted}{end}", KG, f"{end_words} saving {words}{counted_words}.", "kg CO2e", may_be_null=True
            )
            for s, words in SCENARIO_WORDS.items()
            for counted, counted_words in (
                ("", ""),
                ("_counted", "; only units that no earlier rule has counted: add these up"),
            )
            for end, end_words in (("_low", "Low"), ("", "Central"), ("_high", "High"))
        ),
        *(
            Column(f"cost_change_{s}_gbp", GBP, f"Change in NIC {words}; a fall is negative.", "£", may_be_null=True)
            for s, words in SCENARIO_WORDS.items()
        ),
        Column(
            "price_basis", PRICE_BASES, "Where the target's price comes from (the weakest, over several practices)."
        ),
        Column("price_date", pl.Date, "Date of that price.", may_be_null=True),
        Column(
            "target_units",
            pl.Float64,
            "Units of the rule's targets already prescribed here.",
            "units",
            may_be_null=True,
        ),
        Column(
            "supplies_avoided",
            pl.Float64,
            "Fewer supplies by a longer duration; trips fall, waste may rise.",
            "items",
            may_be_null=True,
        ),
        Column(
            "achievable_share",
            pl.Float64,
            "Share thought achievable; null where no source gives one.",
            "0–1",
            may_be_null=True,
        ),
        Column("achievable_source", pl.String, "Who found that share.", may_be_null=True),
        Column(
            "alternative_to",
            pl.String,
            "Rule that comes first for the same inhalers: this one is not ranked beside it.",
            may_be_null=True,
        ),
        Column("peers_words", pl.String, "Who the peers are.", may_be_null=True),
        Column(
            "not_judged",
            pl.String,
            "Why it is neither ranked nor a peer: fewer than twelve whole months, or no GP practice.",
            may_be_null=True,
        ),
        Column("why_no_claim", pl.String, "Why nothing is claimed against the peers.", may_be_null=True),
        Column("is_sign_stable", pl.Boolean, "True where even the low end saves.", may_be_null=True),
        Column("gate", GATES, "ranked, shown (makes no carbon claim) or listed (fails a gate, see gate_reason)."),
        Column("gate_reason", pl.String, "Why it is not ranked.", may_be_null=True),
        Column("rank", pl.Int64, "Place among the ranked lines of this organisation.", may_be_null=True),
        Column("rank_basis", pl.String, "The saving it is ranked by: to_peer, else theoretical.", may_be_null=True),
        Column(
            "rank_stability",
            pl.Float64,
            "Share of draws (factors, and the practices' true rates) in which the line keeps its place.",
            "0–1",
            may_be_null=True,
        ),
        Column("effort", EFFORTS, "low: same device by brand, or a refill; high: review in person."),
        Column("commitment", pl.String, "Green Plan commitments served, of a, b and c."),
        Column("caveats", pl.String, "What to mind."),
        Column("is_draft", pl.Boolean, "True where no sign-off of the rule holds, or what it rests on is overdue."),
    ),
)
