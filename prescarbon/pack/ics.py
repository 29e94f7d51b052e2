"""What only the ICS page says: KPIs with their targets and series, places, gases, rows in and out, published values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.activity import IS_INHALER
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.measures import reconcile
from prescarbon.reference.files import read_toml
from prescarbon.reference.wording import Wording
from prescarbon.report.views.ics import GroupRow
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.practice import PracticePage

GAS_PREFIXES = ("1501020", "191500000BD")


def group_row(
    evidence: Evidence, members: Sequence[PracticePage], code: str, name: str, address: str | None
) -> GroupRow:
    """Practices together over the period of their pages."""
    rows = evidence.footprint.lazy().filter(
        pl.col("practice_code").is_in([p.practice_code for p in members])
        & pl.col("month").is_in(members[0].period)
        & IS_INHALER
    )
    kg = interval_of(evidence, rows)
    inhalers = sum(p.inhalers for p in members)
    people = sum(p.list_size or 0 for p in members)
    has_all_lists = all(p.list_size for p in members)
    return GroupRow(
        code=code,
        name=name,
        address=address,
        practices=len(members),
        inhaler_kg=kg,
        inhalers=inhalers,
        kg_per_inhaler=kg.central / inhalers if kg and inhalers else None,
        kg_per_1000=kg.central / people * 1000 if kg and people and has_all_lists else None,
    )


def place_rows(evidence: Evidence, pages: Sequence[PracticePage]) -> Iterator[GroupRow]:
    """Each place of reference/organisations/places.toml that has a practice in this run, then those in no place."""
    left = {p.practice_code: p for p in pages}
    found = []
    for key, place in read_toml(evidence.reference.root / "organisations" / "places.toml").items():
        members = [left.pop(code) for code in place.get("practice_codes", ()) if code in left]
        if members:
            found.append(group_row(evidence, members, key, place["name"], None))
    if found and left:
        found.append(group_row(evidence, list(left.values()), "none", "In no listed place", None))
    yield from found


def interval_of(evidence: Evidence, rows: pl.LazyFrame) -> Interval | None:
    """kg CO2e of all the rows together, from the shared draws."""
    found = evidence.intervals(rows, []).drop_nulls()
    return next((Interval(*map(float, row)) for row in found.iter_rows()), None)


def gases(evidence: Evidence, words: Wording) -> str:
    """What prescribing data say of anaesthetic gases."""
    codes = pl.any_horizontal(pl.col("bnf_code").str.starts_with(p) for p in GAS_PREFIXES)
    items = int(evidence.footprint.filter(codes)["items"].sum())
    sentences = words["ics"]
    return str(sentences["gases_some"].format(items=f"{items:,}") if items else sentences["gases_none"])


def month_rows(evidence: Evidence) -> list[Mapping[str, Any]]:
    """What each month's file was made of."""
    keys = ("rows_in", "rows_used", "rows_rejected", "nic_gbp_in", "nic_gbp_used", "nic_gbp_rejected")
    return [{"month": m.month, **{key: getattr(m, key) for key in keys}} for m in evidence.manifests]


def published_rows(evidence: Evidence, last_month: date) -> list[dict[str, Any]]:
    """Ours beside imported published values of the newest month; none where none are imported."""
    try:
        rows = reconcile(replace(evidence.config, scope=("all",), is_scope_given=True), last_month=last_month)
    except InputError:
        return []
    own = set(evidence.practices["sub_icb_code"].drop_nulls())
    return [row for row in rows if row["organisation_code"] in own]
