"""The views of one run, each made once, and the part of them that is asked for."""

from dataclasses import dataclass, replace
from pathlib import Path

from prescarbon.errors import InputError
from prescarbon.pack.figures import practice_figures
from prescarbon.pack.findings import Findings
from prescarbon.pack.pcn import pcn_pages
from prescarbon.pack.practice import practice_pages
from prescarbon.pipeline.evidence import Evidence
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage


@dataclass(frozen=True)
class Views:
    """What every reader is told in one run; each view is made once."""

    findings: Findings
    pages: tuple[PracticePage, ...]
    pcns: tuple[PcnPage, ...]


def practice_address(page: PracticePage) -> Path:
    """Where a practice's page stands in its pack."""
    return Path("practice") / page_name(page.practice_code)


def pcn_address(page: PcnPage) -> Path:
    """Where a PCN's page stands in its pack."""
    return Path("pcn") / page_name(page.pcn_code)


def make_views(evidence: Evidence) -> Views:
    """The pages of every practice and PCN: all of them, since each stands among the others."""
    findings = Findings(evidence)
    pages = tuple(practice_pages(findings, practice_figures(evidence)))
    return Views(findings, pages, tuple(pcn_pages(findings, pages)))


def part_of(views: Views, practice: str | None, pcn: str | None) -> Views:
    """The views asked for.

    Raises:
        InputError: the practice or the PCN has no rows in this run.
    """
    pcns = tuple(p for p in views.pcns if p.pcn_code == pcn)
    members = {p.practice_code for each in pcns for p in each.practices} | {practice}
    pages = tuple(p for p in views.pages if p.practice_code in members)
    evidence = views.findings.evidence
    months = f"{evidence.manifests[0].month} to {evidence.manifests[-1].month}"
    for wanted, kind, codes in (
        (practice, "practice", {p.practice_code for p in pages}),
        (pcn, "PCN", {p.pcn_code for p in pcns}),
    ):
        if wanted is not None and wanted not in codes:
            raise InputError(
                f"{kind} {wanted} has no rows in {months} within the scope.",
                remedy="Check the code, or use --scope all.",
            )
    return replace(views, pages=pages, pcns=pcns)
