"""Practices together, by PCN and by place, as the SRO's page lists them."""

from collections.abc import Iterator, Sequence

from prescarbon.pack.findings import Findings
from prescarbon.pipeline.memberships import NO_PLACE
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views.ics import GroupRow
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage
from prescarbon.tables.organisations import PLACE


def pcn_rows(findings: Findings, pcns: Sequence[PcnPage]) -> Iterator[GroupRow]:
    """Each PCN that has a page, with its address."""
    for pcn in pcns:
        address = f"pcn/{page_name(pcn.pcn_code)}"
        yield _group_row(findings, "pcn", pcn.pcn_code, (pcn.pcn_code, pcn.pcn_name, address), len(pcn.practices))


def place_rows(findings: Findings, pages: Sequence[PracticePage]) -> Iterator[GroupRow]:
    """Each place of reference/organisations/places.toml that has a practice in this run, then those in no place."""
    left = {p.practice_code: p for p in pages}
    found = []
    for key, place in findings.evidence.reference.places.items():
        if members := [left.pop(code) for code in place.practice_codes if code in left]:
            found.append(_group_row(findings, PLACE, place.name, (key, place.name, None), len(members)))
    if found and left:
        inhalers, kg = sum(p.inhalers for p in left.values()), findings.kilograms(PLACE, NO_PLACE, "inhalers")
        per_inhaler = kg.central / inhalers if kg and inhalers else None
        found.append(GroupRow("none", NO_PLACE, None, len(left), kg, inhalers, per_inhaler, None))
    yield from found


def _group_row(
    findings: Findings, level: str, organisation: str, shown: tuple[str, str, str | None], practices: int
) -> GroupRow:
    """An organisation over the period; shown are the code, name and address of its row."""
    kg, per_1000 = findings.kilograms(level, organisation, "inhalers"), findings.per_1000(level, organisation)
    inhalers = findings.inhalers(level, organisation) or 0.0
    return GroupRow(
        *shown,
        practices=practices,
        inhaler_kg=kg,
        inhalers=inhalers,
        kg_per_inhaler=kg.central / inhalers if kg and inhalers else None,
        kg_per_1000=per_1000.central if per_1000 else None,
        period=findings.evidence.period_of(level, organisation),
    )
