"""Small rules, products, factors and footprints: each test names only what it is about."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from prescarbon.model.opportunities.lines import find_opportunities
from prescarbon.model.opportunities.options import OpportunityOptions
from prescarbon.model.opportunities.pairs import FORMULARY_SCHEMA
from prescarbon.model.opportunities.rules import SwitchRule
from prescarbon.model.opportunities.worlds import measure_intervals
from prescarbon.tables.prescribing import FOOTPRINT
from prescarbon.tables.products import FACTORS, PRODUCTS
from tests.frames import frame, rows_of
from tests.parsed import parse_rule

VENTOLIN, SALAMOL, EASYHALER = "0301011R0BEAIAP", "0301011R0BIAFAP", "0301011R0BWAABZ"
ALWAYS = {"valid_from": date(2010, 1, 1), "valid_to": date(9999, 12, 31)}
MONTH = date(2025, 9, 1)


def raw_rule(**changes: Any) -> dict[str, Any]:
    """A good product switch as its TOML reads; a change of a part ("dose") is merged into it, None takes a key away."""
    raw: dict[str, Any] = {
        "id": "X1",
        "title": "Ventolin Evohaler to Salamol pMDI",
        "kind": "product switch",
        "family": "SABA pMDI",
        "order": 20,
        "effort": "low",
        "is_on": True,
        "commitment": ["a"],
        "valid_from": date(2022, 1, 1),
        "review_by": date(2099, 12, 31),
        "excluded": ["known intolerance of an excipient"],
        "caveats": "Tell the person why.",
        "from": {"words": "Ventolin Evohaler 100", "codes": [VENTOLIN]},
        "to": {"words": "Salamol", "codes": [SALAMOL]},
        "dose": {"ratio": 1.0, "words": "200 x 100 mcg either way", "from_puffs": 2, "to_puffs": 2},
        "evidence": {"words": "CPSC 2022", "url": "https://www.cpsc.org.uk"},
    }
    for key, value in changes.items():
        key = key.rstrip("_")
        if value is None:
            raw.pop(key, None)
        elif isinstance(value, Mapping) and key in raw and key not in ("to",):
            raw[key] = {**raw[key], **value}
        else:
            raw[key] = value
    return raw


def rule(**changes: Any) -> SwitchRule:
    return parse_rule(raw_rule(**changes), "x.toml")


def over_use(**changes: Any) -> SwitchRule:
    return rule(
        id="T1", kind="over-use", family="SABA over-reliance", order=10, to=None, dose=None,
        from_={"words": "salbutamol", "codes": ["0301011R0"], "drug_class": ["SABA"]},
        peers={"pool": ["SABA", "ICS"]}, **changes,
    )  # fmt: skip


PRODUCTS_TEXT = f"""
bnf_code        | product_name | drug_class | device_type | propellant
{VENTOLIN}      | Ventolin     | SABA       | pMDI        | HFA-134a
{SALAMOL}       | Salamol      | SABA       | pMDI        | HFA-134a
{EASYHALER}     | Easyhaler    | SABA       | DPI         | none
0302000N0BDAABJ | Flutiform    | ICS/LABA   | pMDI        | HFA-227ea
0302000K0BDABAM | Symbicort T  | ICS/LABA   | DPI         | none
0302000C0BPABBF | Clenil 100   | ICS        | pMDI        | HFA-134a
0302000C0BNAABU | Easyhaler B  | ICS        | DPI         | none
0302000Y0BBAAAA | Trixeo       | triple     | pMDI        | HFO-1234ze
0302000AABBACAC | Trimbow N    | triple     | DPI         | none
0301020Q0BBACAC | Respimat     | LAMA       | SMI         | none
0301020Q0BBADAE | Respimat ref | LAMA       | SMI         | none
21010230115     | AeroChamber  |            | spacer      | none
"""
FACTORS_TEXT = f"""
key             | kg_low | kg_co2e | kg_high
{VENTOLIN}      | 26     | 28      | 30
{SALAMOL}       | 11     | 12      | 13
{EASYHALER}     | 0.5    | 0.6     | 0.7
0302000N0BDAABJ | 30     | 36      | 40
0302000K0BDABAM | 0.8    | 1       | 1.2
0302000C0BPABBF | 16     | 17      | 18
0302000C0BNAABU | 0.5    | 0.6     | 0.7
0302000Y0BBAAAA | 0.1    | 0.5     | 0.9
0302000AABBACAC | 0.8    | 0.9     | 1
0301020Q0BBACAC | 0.7    | 0.8     | 0.9
0301020Q0BBADAE | 0.3    | 0.35    | 0.4
"""


def products(text: str = PRODUCTS_TEXT) -> pl.LazyFrame:
    return rows_of(PRODUCTS, text, is_brand_known=True, units_per_device=1, is_reusable=False, source_id="s", **ALWAYS)


def factors(text: str = FACTORS_TEXT) -> pl.LazyFrame:
    return rows_of(
        FACTORS, text, factor_set="t", factor_id="f", key_kind="product", scope="life", gwp_basis="AR6", source_id="s",
        **ALWAYS,
    )  # fmt: skip


def footprint(text: str, **others: Any) -> pl.LazyFrame:
    """Rows of FOOTPRINT; items are the devices, and a device costs £2, where the text does not say."""
    drawn = frame(text)
    have = drawn.collect_schema().names()
    if "month" not in have:
        drawn = drawn.with_columns(month=pl.lit("2025-09-01"))
    if "items" not in have:
        drawn = drawn.with_columns(items=pl.col("devices"))
    if "nic_gbp" not in have:
        drawn = drawn.with_columns(nic_gbp=(pl.col("devices").cast(pl.Float64) * 2).round(2).cast(pl.String))
    if "total_quantity" not in have:
        drawn = drawn.with_columns(total_quantity=pl.col("devices"))
    cells = [
        (pl.col(c.name).str.to_date() if c.dtype == pl.Date else pl.col(c.name).cast(c.dtype))
        if c.name in drawn.collect_schema().names()
        else pl.lit({"reads_as": "devices", "rows": 1, "method": "product", **others}.get(c.name))
        .cast(c.dtype)
        .alias(c.name)
        for c in FOOTPRINT.columns
    ]
    return drawn.select(cells)


def formulary(*codes: str, **changes: Any) -> pl.LazyFrame:
    row: dict[str, Any] = {
        "on_from": date(2014, 1, 1),
        "on_to": date(9999, 12, 31),
        "review_by": date(2099, 12, 31),
        **changes,
    }
    return pl.LazyFrame([{**row, "bnf_code": c} for c in codes], schema_overrides=FORMULARY_SCHEMA).select(
        *(
            pl.col(c).cast(t) if c in ("bnf_code", *row) else pl.lit(None).cast(t).alias(c)
            for c, t in FORMULARY_SCHEMA.items()
        )
    )


ALL_TARGETS = formulary(SALAMOL, EASYHALER, "0302000K0BDABAM", "0302000C0BNAABU", "0302000AABBACAC", "0301020Q0BBADAE")


def practices(*codes: str, **columns: list[Any]) -> pl.LazyFrame:
    """GP practices with twelve whole months, where the columns do not say otherwise."""
    judged = {"is_gp": [True] * len(codes), "months_held": [12] * len(codes)}
    return pl.LazyFrame({"practice_code": list(codes), **judged, **columns})


FOUR = footprint(f"""
    practice_code | bnf_code   | devices
    P1            | {VENTOLIN} | 400
    P1            | {SALAMOL}  | 100
    P2            | {VENTOLIN} | 100
    P2            | {SALAMOL}  | 400
    P3            | {VENTOLIN} | 50
    P3            | {SALAMOL}  | 450
    P4            | {VENTOLIN} | 0
    P4            | {SALAMOL}  | 500
""")
MEMBERS = practices("P1", "P2", "P3", "P4", pcn=["A", "A", "B", "B"], icb=["I"] * 4)


def kg(value: float) -> Decimal:
    """Kilograms as the tables hold them."""
    return Decimal(str(value)).quantize(Decimal("0.000001"))


def nearly(kilograms: Decimal, raw: float, within: float = 0.03) -> bool:
    """A claim of the true rate stands near what was counted where counts are large."""
    return abs(float(kilograms) - raw) <= within * raw


def options(**changes: Any) -> OpportunityOptions:
    return OpportunityOptions(**{"period_start": MONTH, "period_end": MONTH, **changes})


def lines(
    rules: list[SwitchRule],
    rows: pl.LazyFrame,
    members: pl.LazyFrame | None = None,
    *,
    on_formulary: pl.LazyFrame = ALL_TARGETS,
    inhalers: pl.LazyFrame | None = None,
    kg: pl.LazyFrame | None = None,
    nearest: pl.LazyFrame | None = None,
    **chosen: Any,
) -> pl.DataFrame:
    """The practice lines of one small world."""
    chose, kinds = options(**chosen), products() if inhalers is None else inhalers
    volumes = sum_volumes(rows, chose).collect().lazy()
    members = practices("P1") if members is None else members
    emits = factors() if kg is None else kg
    claims = claim_units(rules, volumes, kinds, emits, on_formulary, members, chose, nearest).collect().lazy()
    own = volumes.select("practice_code", organisation_code="practice_code").unique()
    intervals = measure_intervals(claims, own, chose)
    return find_opportunities(claims, volumes, rules, rows, kinds, chose, intervals).collect()


def line(found: pl.DataFrame, rule_id: str, organisation: str = "P1") -> dict[str, Any]:
    return found.row(
        by_predicate=(pl.col("rule_id") == rule_id) & (pl.col("organisation_code") == organisation), named=True
    )
