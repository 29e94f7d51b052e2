"""Evidence → the views of three readers: what each page says beyond the practice's own figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from statistics import median
from typing import Any

import polars as pl

from prescarbon.model.change import split_change
from prescarbon.model.comparison import funnel_of_means, judge_gate, spread_by
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.finding import Found, Prepared, at_level, prepare
from prescarbon.pipeline.measuring import GROUP, SCOPE
from prescarbon.pipeline.trending import kpis, monthly_values, signals_of
from prescarbon.reference_measures import read_measures
from prescarbon.report.ics import IcsPage, PcnRow
from prescarbon.report.numbers import Interval, number
from prescarbon.report.parts import Action, Change, SignalPoint, Strip, action_from
from prescarbon.report.pcn import Digest, PcnPage
from prescarbon.report.practice import MONTHS_IN_PERIOD, PracticePage
from prescarbon.report.safety import page_name

Figure = Callable[[PracticePage], Interval | None]
ACTIONS_SHOWN = 5
HOLDERS_SHOWN = 4
TREND_MEASURE = "kg_per_inhaler"
MOVED = 0.05  # the digest tells of a month at least this share from the same month last year
GAS_PREFIXES = ("1501020", "191500000BD")


@dataclass(frozen=True)
class Views:
    """Views of one run; what several pages need is computed once.

    base  the practice pages as `build_practice_pages` makes them
    """

    evidence: Evidence
    base: Sequence[PracticePage]

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
                change=changes.get(code),
                signals=signals.get(code, ()),
            )
            yield replace(full, went_well=tuple(_went_well(full)))

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
                digest=tuple(_digest(members)),
            )

    def ics(self, pcns: Sequence[PcnPage], inhalers: Interval | None, total: Interval | None) -> IcsPage:
        """The page of the whole scope."""
        actions, held = self._actions("sub-icb", None)
        return IcsPage(
            inhaler_kg=inhalers,
            total_kg=total,
            kpis=tuple(kpis(self.evidence.config, level=GROUP, evidence=self.evidence)),
            pcns=tuple(self._pcn_row(page) for page in pcns),
            actions=actions,
            drafts_held_back=held,
            change=self._changes(None).get(SCOPE),
            signals=self._signals(GROUP).get(SCOPE, ()),
            gases=self._gases(),
            coverage=tuple(self.evidence.coverage()),
        )

    # what the pages share

    @cached_property
    def _period(self) -> tuple[date, ...]:
        return self.evidence.months[-MONTHS_IN_PERIOD:]

    @cached_property
    def _verdicts(self) -> Mapping[str, str | None]:
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
    def _levels(self) -> dict[str, tuple[Found, Found | None]]:
        return {}

    def _found(self, level: str) -> tuple[Found, Found | None]:
        if level not in self._levels:
            shown, every = self._prepared
            self._levels[level] = (at_level(shown, level), at_level(every, level) if every else None)
        return self._levels[level]

    def _actions(
        self, level: str, code: str | None, members: Mapping[str, str] | None = None
    ) -> tuple[tuple[Action, ...], int]:
        """The first ranked lines of an organisation (None: of all), and how many drafts are held back."""

        def ranked(lines: pl.DataFrame) -> pl.DataFrame:
            mine = lines if code is None else lines.filter(pl.col("organisation_code") == code)
            return mine.filter(pl.col("gate") == "ranked").sort("rank", "organisation_code", "rule_id")

        found, every = self._found(level)
        rows = ranked(found.lines)
        held = ranked(every.lines).height - rows.height if every else 0
        holders = self._holders(members) if members else {}
        return tuple(action_from(r, holders.get(r["rule_id"], ())) for r in rows.head(ACTIONS_SHOWN).to_dicts()), held

    def _holders(self, members: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """rule_id → the practices with the most units of it."""
        lines = self._found("practice")[0].lines.filter(
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
        keys = ("month", "value", "centre", "lower", "upper", "signal", "break_words")
        found: dict[str, list[SignalPoint]] = {}
        for row in rows.sort("organisation_code", "month").to_dicts():
            found.setdefault(row["organisation_code"], []).append(SignalPoint(*(row[k] for k in keys)))
        return {code: tuple(points) for code, points in found.items()}

    def _strips(self, page: PracticePage) -> Iterator[Strip]:
        figures: tuple[tuple[str, str, Figure, str | None], ...] = (
            ("Inhalers", "kg CO2e", lambda p: p.inhaler_kg, None),
            ("Inhalers per 1,000 people", "kg CO2e", lambda p: p.kg_per_1000, None),
            ("Per inhaler", "kg CO2e", lambda p: p.kg_per_inhaler, self._verdicts.get(page.practice_code)),
        )
        for title, unit, figure, verdict in figures:
            values = {p.practice_code: found.central for p in self.base if (found := figure(p))}
            own = values.pop(page.practice_code, None)
            near = [p.practice_code for p in self.base if p.pcn_code and p.pcn_code == page.pcn_code]
            pcn = [values[code] for code in near if code in values]
            everyone = [*values.values(), *([own] if own is not None else [])]
            mine = [*pcn, *([own] if own is not None and near else [])]
            yield Strip(
                title=title,
                unit=unit,
                own=own,
                pcn=tuple(pcn),
                others=tuple(values[code] for code in values if code not in near),
                pcn_median=median(mine) if mine else None,
                all_median=median(everyone) if everyone else None,
                verdict=verdict,
            )

    def _pcn_row(self, page: PcnPage) -> PcnRow:
        kg = [p.inhaler_kg for p in page.practices if p.inhaler_kg]
        inhalers = sum(p.inhalers for p in page.practices)
        people = sum(p.list_size or 0 for p in page.practices)
        central = sum(i.central for i in kg)
        own = self.evidence.practices.filter(pl.col("pcn_code") == page.pcn_code)["practice_code"].to_list()
        rows = self.evidence.footprint.lazy().filter(
            pl.col("practice_code").is_in(own)
            & pl.col("month").is_in(self._period)
            & (pl.col("reads_as") != "not an inhaler")
        )
        interval = next(
            (Interval(*map(float, r)) for r in self.evidence.intervals(rows, []).drop_nulls().iter_rows()), None
        )
        has_all_lists = all(p.list_size for p in page.practices)
        return PcnRow(
            pcn_code=page.pcn_code,
            pcn_name=page.pcn_name,
            address=f"pcn/{page_name(page.pcn_code)}",
            practices=len(page.practices),
            inhaler_kg=interval,
            inhalers=inhalers,
            kg_per_inhaler=central / inhalers if inhalers else None,
            kg_per_1000=central / people * 1000 if people and has_all_lists else None,
        )

    def _gases(self) -> str:
        codes = pl.any_horizontal(pl.col("bnf_code").str.starts_with(p) for p in GAS_PREFIXES)
        items = self.evidence.footprint.filter(codes)["items"].sum()
        if items:
            return f"{items:,} items of anaesthetic gases stand in the prescribing data."
        return "Anaesthetic gases: not in this source (hospitals use them); that is no zero."


def _went_well(page: PracticePage) -> Iterator[str]:
    if page.change and page.change.kg_mix < 0:
        yield (
            f"The mix of inhalers moved to lower carbon: {number(-page.change.kg_mix)} kg CO2e less than in the twelve "
            "months before, at the same volume."
        )
    if any(s.verdict == "lower than most" for s in page.strips):
        yield "Carbon per inhaler is lower than in most practices here."
    if page.covered_inhaler_items == 1:
        yield "Every inhaler item carries a factor."


def _digest(members: Sequence[PracticePage]) -> Iterator[Digest]:
    """What moved: the newest month of inhaler carbon beside the same month last year, where it moved at all."""
    for page in members:
        by_month: dict[date, Any] = {p.month: p.inhaler_kg for p in page.trend}
        newest = max(by_month, default=None)
        if newest is None:
            continue
        last_year = by_month.get(newest.replace(year=newest.year - 1))
        now = by_month[newest]
        if not now or not last_year or not last_year.central:
            continue
        share = now.central / last_year.central - 1
        if abs(share) >= MOVED:
            words = f"{number(now.central)} kg in {newest:%B %Y}, {abs(share):.0%} {'more' if share > 0 else 'less'} than a year before"
            yield Digest(page.practice_name, words)
