"""The PCN lead's page: its practices, its actions with who holds most of each, and a digest of the newest month."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

from prescarbon.pack.findings import Findings
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views.numbers import month, number
from prescarbon.report.views.pcn import Digest, PcnPage
from prescarbon.report.views.practice import PracticePage

MOVED = 0.05  # the digest tells of a month at least this share from the same month last year


def pcn_pages(findings: Findings, pages: Sequence[PracticePage]) -> Iterator[PcnPage]:
    """A page for each PCN of the practices given, in order of code."""
    by_pcn: dict[str, list[PracticePage]] = {}
    for page in pages:
        if page.pcn_code:
            by_pcn.setdefault(page.pcn_code, []).append(page)
    for code, members in sorted(by_pcn.items()):
        told = findings.told("pcn", code, {p.practice_code: p.practice_name for p in members})
        yield PcnPage(
            pcn_code=code,
            pcn_name=members[0].pcn_name or code,
            period=findings.evidence.period_of("pcn", code),
            practices=tuple(members),
            addresses=tuple(f"../practice/{page_name(p.practice_code)}" for p in members),
            digest=tuple(_digest(members, findings.words["pcn"], set(findings.evidence.successor_of.values()))),
            **vars(told),
        )


def _digest(members: Sequence[PracticePage], words: Mapping[str, str], joined: Collection[str]) -> Iterator[Digest]:
    """The newest month of inhaler carbon beside the month before and last year's, where it moved or gives a signal."""
    for page in members:
        known = {p.month: p.inhaler_kg.central for p in page.trend if p.inhaler_kg}
        newest = max((p.month for p in page.trend), default=None)
        if newest is None or newest not in known:
            continue
        now = known[newest]
        month_before, year_before = (newest - timedelta(days=1)).replace(day=1), newest.replace(year=newest.year - 1)
        last_year = known.get(year_before)
        sentences = []
        is_same = page.practice_code not in joined  # who took a practice over is another than a year ago
        if is_same and last_year and abs(now / last_year - 1) >= MOVED:
            beside = {"month": month_before, "year": year_before}
            parts = {f"since_{name}": _beside(now, known.get(m), m, words, name) for name, m in beside.items()}
            sentences.append(words["digest"].format(kg=number(now), month=month(newest), **parts))
        point = page.signals[-1] if page.signals else None
        if point and point.month == newest and point.signal:
            sentences.append(words["signal"].format(signal=point.signal_words))
        if sentences:
            yield Digest(page.practice_name, " ".join(sentences))


def _beside(now: float, then: float | None, at: date, words: Mapping[str, str], name: str) -> str:
    if not then:
        return words[f"since_{name}_unknown"]
    share = now / then - 1
    return words[f"since_{name}"].format(
        share=f"{abs(share):.0%}", way="more" if share >= 0 else "less", month=month(at)
    )
