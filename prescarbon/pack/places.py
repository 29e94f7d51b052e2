"""Practices together, by PCN and by place, as the SRO's page lists them."""

from collections.abc import Iterator, Sequence

from prescarbon.pack.findings import Findings
from prescarbon.pipeline.memberships import NO_PLACE
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views.ics import GroupRow
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage
from prescarbon.tables.organisations import PLACE


def pcn_rows(findings: Findings, pcns: Sequence[PcnPage]) -> Iterator[GroupRow]:
    """Each PCN that has a page, with its address."""
    for pcn in pcns:
        kg, per_1000 = findings.kilograms("pcn", pcn.pcn_code, "inhalers"), findings.per_1000("pcn", pcn.pcn_code)
        yield _group_row(pcn.practices, pcn.pcn_code, pcn.pcn_name, f"pcn/{page_name(pcn.pcn_code)}", kg, per_1000)


def place_rows(findings: Findings, pages: Sequence[PracticePage]) -> Iterator[GroupRow]:
    """Each place of reference/organisations/places.toml that has a practice in this run, then those in no place."""
    left = {p.practice_code: p for p in pages}
    found = []
    for key, place in findings.evidence.reference.places.items():
        if members := [left.pop(code) for code in place.practice_codes if code in left]:
            kg, per_1000 = findings.kilograms(PLACE, place.name, "inhalers"), findings.per_1000(PLACE, place.name)
            found.append(_group_row(members, key, place.name, None, kg, per_1000))
    if found and left:
        kg = findings.kilograms(PLACE, NO_PLACE, "inhalers")
        found.append(_group_row(list(left.values()), "none", NO_PLACE, None, kg, None))
    yield from found


def _group_row(
    members: Sequence[PracticePage],
    code: str,
    name: str,
    address: str | None,
    kg: Interval | None,
    per_1000: Interval | None,
) -> GroupRow:
    """Practices together over the period of their pages."""
    inhalers = sum(p.inhalers for p in members)
    return GroupRow(
        code=code,
        name=name,
        address=address,
        practices=len(members),
        inhaler_kg=kg,
        inhalers=inhalers,
        kg_per_inhaler=kg.central / inhalers if kg and inhalers else None,
        kg_per_1000=per_1000.central if per_1000 else None,
    )
