"""The SRO's page: KPIs with their targets and series, places and PCNs, gases, rows in and out, published values."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from prescarbon.pack.findings import SIGNAL_KEYS, Findings
from prescarbon.pack.places import pcn_rows, place_rows
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.kpis import Kpis
from prescarbon.pipeline.memberships import SCOPE
from prescarbon.pipeline.published import published_values, reconcile
from prescarbon.pipeline.series import charted_unit, charted_value
from prescarbon.reference.wording import Wording
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.parts import Series, SignalPoint
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage
from prescarbon.tables.organisations import GROUP

GAS_PREFIXES = ("1501020", "191500000BD")


def ics_page(findings: Findings, pages: Sequence[PracticePage], pcns: Sequence[PcnPage]) -> IcsPage:
    """The page of the whole scope."""
    evidence, told = findings.evidence, findings.told(GROUP, SCOPE)
    return IcsPage(
        period=evidence.period_of(GROUP, SCOPE),
        inhaler_kg=findings.kilograms(GROUP, SCOPE, "inhalers"),
        kg_per_1000=findings.per_1000(GROUP, SCOPE),
        other_kg=findings.kilograms(GROUP, SCOPE, "other"),
        other_items_unknown=sum(p.other_items_unknown for p in pages),
        kpis=tuple({**row, **findings.kpis.about[row["kpi_id"]]} for row in findings.kpis.rows),
        series=tuple(kpi_series(findings.kpis, evidence)),
        places=tuple(place_rows(findings, pages)),
        pcns=tuple(pcn_rows(findings, pcns)),
        actions=told.actions,
        questions=told.questions,
        drafts_held_back=told.drafts_held_back,
        together=told.together,
        peers_words=told.peers_words,
        not_judged=told.not_judged,
        footing=told.footing,
        change=told.change,
        gases=gases(evidence, findings.words),
        coverage=evidence.coverage,
        months=tuple(month_rows(evidence)),
        published=tuple(published_rows(evidence)),
    )  # fmt: skip


def kpi_series(kpis: Kpis, evidence: Evidence) -> Iterator[Series]:
    """The monthly series with limits behind every measured KPI, sums per dispensing day."""
    for title, measure in kpis.measures:
        value = charted_value(measure)
        known = {row["month"]: row for row in kpis.signals[measure.id].to_dicts()}
        if any(row[value] is not None for row in known.values()):
            points = tuple(_point(month, known.get(month), value) for month in evidence.months)
            yield Series(measure.id, title, charted_unit(measure), points)


def _point(month: date, row: Mapping[str, Any] | None, value: str) -> SignalPoint:
    if row is None:
        return SignalPoint(month, None, None, None, None, None, None, None)
    return SignalPoint(month, row[value], *(row[key] for key in SIGNAL_KEYS[2:]))


def gases(evidence: Evidence, words: Wording) -> str:
    """What prescribing data say of anaesthetic gases."""
    codes = pl.any_horizontal(pl.col("bnf_code").str.starts_with(p) for p in GAS_PREFIXES)
    items = int(evidence.footprint.filter(codes)["items"].sum())
    sentences = words["ics"]
    return str(sentences["gases_some"].format(items=f"{items:,}") if items else sentences["gases_none"])


def month_rows(evidence: Evidence) -> list[Mapping[str, Any]]:
    """What each month's file was made of."""
    rows, pounds = ("rows_in", "rows_used", "rows_rejected"), ("nic_gbp_in", "nic_gbp_used", "nic_gbp_rejected")
    return [
        {"month": m.month}
        | {key: getattr(m, key) for key in rows}
        | {key: None if m.nic_gbp_in is None else getattr(m, key) for key in pounds}
        for m in evidence.manifests
    ]


def published_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Ours beside imported published values of the newest month; none where none are imported."""
    if published_values(evidence.config.home).is_empty():
        return []
    rows = reconcile(evidence.config, last_month=evidence.months[-1], reference=evidence.reference)
    own = set(evidence.practices["sub_icb_code"].drop_nulls())
    return [row for row in rows if row["organisation_code"] in own]
