"""Evidence → the views of three readers: what each page says beyond the practice's own figures."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from statistics import median
from typing import Any

import polars as pl

from prescarbon.model.activity import IS_INHALER
from prescarbon.model.change import split_change
from prescarbon.model.measures.comparison import funnel_of_means, judge_gate, spread_by
from prescarbon.pack.england import England, england_figures
from prescarbon.pack.ics import gases, group_row, interval_of, month_rows, place_rows, published_rows
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.kpis import SIGNAL_KEYS, kpi_rows, kpi_series
from prescarbon.pipeline.memberships import GROUP, SCOPE
from prescarbon.pipeline.opportunities import Found, Prepared, at_level, prepare
from prescarbon.pipeline.series import monthly_values, signals_of
from prescarbon.reference.measures import read_measures
from prescarbon.reference.wording import Wording
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.numbers import Interval, month, number
from prescarbon.report.views.parts import Action, Change, SignalPoint, Strip, Together, action_from, together_from
from prescarbon.report.views.pcn import Digest, PcnPage
from prescarbon.report.views.practice import MONTHS_IN_PERIOD, PracticePage

Figure = Callable[[PracticePage], Interval | None]
ACTIONS_SHOWN = 5
HOLDERS_SHOWN = 4
PAGE_LEVELS = ("practice", "pcn", GROUP)
TREND_MEASURE = "kg_per_inhaler"
MOVED = 0.05  # the digest tells of a month at least this share from the same month last year


@dataclass(frozen=True)
class Views:
    """Views of one run; what several pages need is computed once.

    base   the practice pages as `build_practice_pages` makes them
    words  the sentences of reference/wording
    """

    evidence: Evidence
    base: Sequence[PracticePage]
    words: Wording

    def practices(self) -> Iterator[PracticePage]:
        """Practice pages with strips, actions, change, limits and what went well."""
        changes, signals = self._changes("practice_code"), self._signals("practice")
        for page in self.base:
            code = page.practice_code
            actions, held = self._actions("practice", code)
            full = replace(
                page,
                strips=tuple(self._strips(page)),
                actions=actions,
                drafts_held_back=held,
                together=self._together.get(("practice", code)),
                change=changes.get(code),
                signals=signals.get(code, ()),
            )
            yield replace(full, went_well=tuple(_went_well(full, self.words["went_well"])))

    def pcns(self, pages: Sequence[PracticePage]) -> Iterator[PcnPage]:
        """A page for each PCN of the practices given."""
        changes, signals = self._changes("pcn_code"), self._signals("pcn")
        by_pcn: dict[str, list[PracticePage]] = {}
        for page in pages:
            if page.pcn_code:
                by_pcn.setdefault(page.pcn_code, []).append(page)
        for code, members in sorted(by_pcn.items()):
            actions, held = self._actions("pcn", code, {p.practice_code: p.practice_name for p in members})
            yield PcnPage(
                pcn_code=code,
                pcn_name=members[0].pcn_name or code,
                practices=tuple(members),
                addresses=tuple(f"../practice/{page_name(p.practice_code)}" for p in members),
                actions=actions,
                drafts_held_back=held,
                change=changes.get(code),
                signals=signals.get(code, ()),
                digest=tuple(_digest(members, self.words["pcn"])),
                together=self._together.get(("pcn", code)),
            )

    def ics(self, pages: Sequence[PracticePage], pcns: Sequence[PcnPage]) -> IcsPage:
        """The page of the whole scope."""
        actions, held = self._actions(GROUP, SCOPE)
        now = self.evidence.footprint.lazy().filter(pl.col("month").is_in(self._period))
        inhalers = interval_of(self.evidence, now.filter(IS_INHALER))
        people = sum(p.list_size or 0 for p in pages) if all(p.list_size for p in pages) else 0
        return IcsPage(
            period=tuple(self._period),
            inhaler_kg=inhalers,
            kg_per_1000=inhalers.times(1000 / people) if inhalers and people else None,
            total_kg=interval_of(self.evidence, now),
            kpis=tuple(self.kpis),
            series=tuple(kpi_series(self.evidence)),
            places=tuple(place_rows(self.evidence, pages)),
            pcns=tuple(
                group_row(self.evidence, p.practices, p.pcn_code, p.pcn_name, f"pcn/{page_name(p.pcn_code)}")
                for p in pcns
            ),
            actions=actions,
            drafts_held_back=held,
            together=self._together.get((GROUP, SCOPE)),
            change=self._changes(None).get(SCOPE),
            gases=gases(self.evidence, self.words),
            coverage=tuple(self.evidence.coverage()),
            months=tuple(month_rows(self.evidence)),
            published=tuple(published_rows(self.evidence, self.evidence.months[-1])),
        )

    @cached_property
    def kpis(self) -> list[dict[str, Any]]:
        """Every KPI of the whole scope."""
        return kpi_rows(self.evidence)

    def opportunities(self) -> pl.DataFrame:
        """Table OPPORTUNITIES of practices, PCNs and the whole scope, as the pages rank them."""
        return pl.concat(found.lines for found, _ in self._found.values())

    # what the pages share

    @cached_property
    def _period(self) -> tuple[date, ...]:
        return self.evidence.months[-MONTHS_IN_PERIOD:]

    @cached_property
    def _england(self) -> England | None:
        return england_figures(self.evidence, self._period)

    @cached_property
    def _verdicts(self) -> Mapping[str, str | None]:
        """practice_code → words for its kg an inhaler among the others; nobody is judged on less than twelve months."""
        if len(self._period) < MONTHS_IN_PERIOD:
            return {}
        now = self.evidence.footprint.lazy().filter(
            pl.col("month").is_in(self._period) & (pl.col("reads_as") != "not an inhaler")
        )
        spread = spread_by(now, ["practice_code"]).with_columns(judge_gate(pl.col("count")), group=pl.lit("all"))
        found = funnel_of_means(spread, ["group"]).select("practice_code", pl.col("verdict").cast(pl.String))
        return dict(found.collect().iter_rows())

    @cached_property
    def _prepared(self) -> tuple[Prepared, Prepared | None]:
        """With the rules the pages show, and, where drafts are held back, with all of them to count those."""
        config, drafts = self.evidence.config, self.evidence.config.show_draft_rules
        shown = prepare(config, self.evidence, include_drafts=drafts)
        return shown, None if drafts else prepare(config, self.evidence)

    @cached_property
    def _found(self) -> dict[str, tuple[Found, Found | None]]:
        """Level → what the pages show, and all that there is where drafts are held back."""
        shown, every = self._prepared
        return {level: (at_level(shown, level), at_level(every, level) if every else None) for level in PAGE_LEVELS}

    @cached_property
    def _ranked(self) -> dict[str, tuple[dict[str, list[Any]], Counter[str]]]:
        """Level → the ranked rows of each organisation in order, and how many there are with those held back."""

        def rows(found: Found) -> list[dict[str, Any]]:
            lines = found.lines.filter(pl.col("gate") == "ranked")
            return lines.sort("organisation_code", "rank", "rule_id").to_dicts()

        ranked: dict[str, tuple[dict[str, list[Any]], Counter[str]]] = {}
        for level, (found, every) in self._found.items():
            own: dict[str, list[Any]] = {}
            for row in rows(found):
                own.setdefault(row["organisation_code"], []).append(row)
            ranked[level] = own, Counter(row["organisation_code"] for row in rows(every or found))
        return ranked

    def _actions(
        self, level: str, code: str, members: Mapping[str, str] | None = None
    ) -> tuple[tuple[Action, ...], int]:
        """The first ranked lines of an organisation, and how many drafts are held back."""
        ranked, count = self._ranked[level]
        rows = ranked.get(code, [])
        holders = self._holders(members) if members else {}
        actions = tuple(action_from(r, holders.get(r["rule_id"], ())) for r in rows[:ACTIONS_SHOWN])
        return actions, count[code] - len(rows)

    @cached_property
    def _together(self) -> dict[tuple[str, str], Together]:
        """(level, organisation) → all its lines, each unit counted once."""
        return {
            (level, row["organisation_code"]): together_from(row)
            for level, (found, _) in self._found.items()
            for row in found.totals.to_dicts()
        }

    def _holders(self, members: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """rule_id → the practices with the most units of it."""
        lines = self._found["practice"][0].lines.filter(
            pl.col("organisation_code").is_in(list(members)) & (pl.col("units") > 0)
        )
        most = lines.sort("rule_id", "units", "organisation_code", descending=[False, True, False])
        found: dict[str, tuple[str, ...]] = {}
        for (rule,), rows in most.group_by("rule_id", maintain_order=True):
            top = rows.head(HOLDERS_SHOWN).select("organisation_code", "units").iter_rows()
            found[str(rule)] = tuple(f"{members[code]} ({number(units)})" for code, units in top)
        return found

    def _changes(self, column: str | None) -> dict[str, Change]:
        months = self.evidence.months
        if len(months) < 2 * MONTHS_IN_PERIOD:
            return {}
        before, after = months[-2 * MONTHS_IN_PERIOD : -MONTHS_IN_PERIOD], self._period
        code = pl.lit(SCOPE) if column is None else pl.col(column)
        members = self.evidence.practices.lazy().select(code.alias("organisation_code"), member="practice_code")
        inhalers = self.evidence.footprint.lazy().filter(pl.col("reads_as") != "not an inhaler")
        named = inhalers.join(members, left_on="practice_code", right_on="member").with_columns(
            period=pl.when(pl.col("month").is_in(before))
            .then(pl.lit("before"))
            .when(pl.col("month").is_in(after))
            .then(pl.lit("after"))
        )
        keys = ("kg_before", "kg_after", "kg_change", "kg_volume", "kg_mix", "kg_factor", "kg_left_out")
        rows = split_change(named.drop_nulls("organisation_code"), ["organisation_code"], "before", "after").collect()
        return {
            row["organisation_code"]: Change(before, after, *(float(row[k]) for k in keys)) for row in rows.to_dicts()
        }

    def _signals(self, level: str) -> dict[str, tuple[SignalPoint, ...]]:
        measure = next(m for m in read_measures(self.evidence.reference.root) if m.id == TREND_MEASURE)
        series = monthly_values(self.evidence, [measure], level).drop("period_start", "period_end")
        rows = signals_of(series, measure, len(self.evidence.months)).collect()
        found: dict[str, list[SignalPoint]] = {}
        for row in rows.sort("organisation_code", "month").to_dicts():
            found.setdefault(row["organisation_code"], []).append(SignalPoint(*(row[k] for k in SIGNAL_KEYS)))
        return {code: tuple(points) for code, points in found.items()}

    def _strips(self, page: PracticePage) -> Iterator[Strip]:
        verdict, england = self._verdicts.get(page.practice_code), self._england
        figures: tuple[tuple[str, Figure, str | None, float | None], ...] = (
            ("Inhalers", lambda p: p.inhaler_kg, None, None),
            ("Inhalers per 1,000 people", lambda p: p.kg_per_1000, None, england.kg_per_1000 if england else None),
            ("Per inhaler", lambda p: p.kg_per_inhaler, verdict, england.kg_per_inhaler if england else None),
        )
        near = [p.practice_code for p in self.base if p.pcn_code and p.pcn_code == page.pcn_code]
        for title, figure, said, of_england in figures:
            values = {p.practice_code: found.central for p in self.base if (found := figure(p))}
            own = values.pop(page.practice_code, None)
            pcn = [values[code] for code in near if code in values]
            everyone = [*values.values(), *([own] if own is not None else [])]
            mine = [*pcn, *([own] if own is not None and near else [])]
            yield Strip(
                title=title,
                unit="kg CO2e",
                own=own,
                pcn=tuple(pcn),
                others=tuple(values[code] for code in values if code not in near),
                pcn_median=median(mine) if mine else None,
                all_median=median(everyone) if everyone else None,
                verdict=said,
                interval=figure(page),
                england=of_england,
            )


def _went_well(page: PracticePage, words: Mapping[str, str]) -> Iterator[str]:
    if page.change and page.change.kg_mix < 0:
        yield words["mix"].format(kg=number(-page.change.kg_mix))
    if any(s.verdict == "lower than most" for s in page.strips):
        yield words["lower"]
    if page.covered_inhaler_items == 1:
        yield words["covered"]


def _digest(members: Sequence[PracticePage], words: Mapping[str, str]) -> Iterator[Digest]:
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
        if last_year and abs(now / last_year - 1) >= MOVED:
            beside = {"month": month_before, "year": year_before}
            parts = {f"since_{name}": _beside(now, known.get(m), m, words, name) for name, m in beside.items()}
            sentences.append(words["digest"].format(kg=number(now), month=month(newest), **parts))
        point = page.signals[-1] if page.signals else None
        if point and point.month == newest and point.signal:
            sentences.append(words["signal"].format(signal=point.signal))
        if sentences:
            yield Digest(page.practice_name, " ".join(sentences))


def _beside(now: float, then: float | None, at: date, words: Mapping[str, str], name: str) -> str:
    if not then:
        return words[f"since_{name}_unknown"]
    share = now / then - 1
    return words[f"since_{name}"].format(
        share=f"{abs(share):.0%}", way="more" if share >= 0 else "less", month=month(at)
    )
