"""What the pages of three readers share, each worked out once: actions, changes, signals, verdicts, KPIs, England."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import polars as pl

from prescarbon.model.measures.comparison import funnel_of_means
from prescarbon.pack.england import England, england_figures
from prescarbon.pipeline.changes import mix_falls, split_between
from prescarbon.pipeline.comparison import beside_all, spread_of_practices
from prescarbon.pipeline.evidence import REPORTED_LEVELS, TREND_MEASURE, Evidence
from prescarbon.pipeline.hand_over import code_lists
from prescarbon.pipeline.kpis import Kpis, held_against_targets
from prescarbon.pipeline.memberships import members_now
from prescarbon.pipeline.opportunities import Found, Prepared, at_level, prepare
from prescarbon.pipeline.series import (
    chosen_measures,
    inhalers_with_a_factor,
    monthly_values,
    per_1000,
    signals_of,
)
from prescarbon.reference.wording import Wording
from prescarbon.report.faces.safety import codes_name
from prescarbon.report.views.action import (
    Action,
    Code,
    HandOver,
    Question,
    Together,
    action_from,
    question_from,
    together_from,
)
from prescarbon.report.views.footing import Footing, footing_from
from prescarbon.report.views.numbers import Interval, number
from prescarbon.report.views.parts import (
    MONTHS_FOR_A_LINE,
    Change,
    SignalPoint,
)
from prescarbon.tables.organisations import GROUP

T = TypeVar("T")
ACTIONS_SHOWN = 5
HOLDERS_SHOWN = 4
SIGNAL_KEYS = ("month", "value", "centre", "lower", "upper", "signal", "break_words", "meaning")


@dataclass(frozen=True)
class Told:
    """What stands beside the figures of one organisation on its page."""

    actions: tuple[Action, ...]
    questions: tuple[Question, ...]
    drafts_held_back: int
    together: Together | None
    change: Change | None
    signals: tuple[SignalPoint, ...]
    peers_words: str | None
    not_judged: str | None
    footing: Footing | None


@dataclass(frozen=True)
class Findings:
    """The findings of one run, for every organisation that has a page."""

    evidence: Evidence

    @property
    def words(self) -> Wording:
        """The sentences of the pages."""
        return self.evidence.reference.wording

    def told(self, level: str, code: str, members: Mapping[str, str] | None = None) -> Told:
        """What is told to an organisation of a reported level.

        members  practice_code → name of its practices, where the page says who has most of a line
        """
        ranked, count = self._ranked[level]
        rows = ranked.get(code, [])
        holders = self._holders(members) if members else {}
        return Told(
            actions=tuple(action_from(r, holders.get(r["rule_id"], ()), self._handed(r)) for r in rows[:ACTIONS_SHOWN]),
            questions=self._questions[level].get(code, ()),
            drafts_held_back=count[code] - len(rows),
            together=self._together.get((level, code)),
            change=self._changes.get((level, code)),
            signals=self._signals.get((level, code), ()),
            peers_words=next((r["peers_words"] for r in rows if r["rank_basis"] == "to_peer"), None),
            not_judged=self._not_judged.get((level, code)),
            footing=self._footing.get((level, code)),
        )

    def kilograms(self, level: str, code: str, part: str) -> Interval | None:
        """kg CO2e of an organisation over the period: part is inhalers, other or all."""
        return self._kilograms.get((level, code, part))

    def opportunities(self) -> pl.DataFrame:
        """Table OPPORTUNITIES of practices, PCNs and the whole scope, as the pages rank them."""
        return pl.concat(found.lines for found, _ in self._found.values())

    @cached_property
    def kpis(self) -> Kpis:
        """Every KPI of the whole scope."""
        return held_against_targets(self.evidence, GROUP)

    @cached_property
    def england(self) -> England | None:
        """All of England together, where the months of the period hold it."""
        return england_figures(self.evidence, self.evidence.period)

    def per_1000(self, level: str, code: str) -> Interval | None:
        """Inhalers' kg CO2e per 1,000 registered people of an organisation over the period."""
        found = self._of_level(per_1000, level).get(code)
        return found.kg if found else None

    def inhalers(self, level: str, code: str) -> float | None:
        """Inhalers with a factor of an organisation over the period, of the practices that were its own in each month."""
        return self._of_level(inhalers_with_a_factor, level).get(code)

    def _of_level(self, ask: Callable[[Evidence, str], Mapping[str, T]], level: str) -> Mapping[str, T]:
        """What `ask` says of every organisation of a level, asked once."""
        key = (ask.__name__, level)
        if key not in self._asked:
            self._asked[key] = ask(self.evidence, level)
        return self._asked[key]

    @cached_property
    def _asked(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {}

    @cached_property
    def verdicts(self) -> Mapping[str, str | None]:
        """practice_code → words for its kg an inhaler among the others; nobody is judged on less than twelve months."""
        found = beside_all(spread_of_practices(self.evidence), funnel_of_means)
        return dict(found.select("organisation_code", pl.col("verdict").cast(pl.String)).collect().iter_rows())

    @cached_property
    def _kilograms(self) -> dict[tuple[str, str, str], Interval]:
        known = self.evidence.kilograms.drop_nulls("kg_co2e").with_columns(pl.col("level").cast(pl.String))
        return {(level, code, part): Interval(*map(float, kg)) for level, code, part, *kg in known.iter_rows()}

    @cached_property
    def _footing(self) -> dict[tuple[str, str], Footing]:
        return {(r["level"], r["organisation_code"]): footing_from(r) for r in self.evidence.footing.to_dicts()}

    @cached_property
    def _prepared(self) -> tuple[Prepared, Prepared | None]:
        """With the rules the pages show, and, where drafts are held back, with all of them to count those."""
        drafts = self.evidence.config.show_draft_rules
        shown = prepare(self.evidence, include_drafts=drafts)
        return shown, None if drafts else shown.with_drafts()

    @cached_property
    def _found(self) -> dict[str, tuple[Found, Found | None]]:
        """Level → what the pages show, and all that there is where drafts are held back."""
        shown, every = self._prepared
        return {level: (at_level(shown, level), at_level(every, level) if every else None) for level in REPORTED_LEVELS}

    @cached_property
    def _ranked(self) -> dict[str, tuple[dict[str, list[Any]], Counter[str]]]:
        """Level → the ranked rows of each organisation in order, and how many there are with those held back."""
        ranked: dict[str, tuple[dict[str, list[Any]], Counter[str]]] = {}
        for level, (found, every) in self._found.items():
            own: dict[str, list[Any]] = {}
            for row in _ranked_rows(found).to_dicts():
                own.setdefault(row["organisation_code"], []).append(row)
            ranked[level] = own, Counter(_ranked_rows(every or found)["organisation_code"])
        return ranked

    @cached_property
    def _questions(self) -> dict[str, dict[str, tuple[Question, ...]]]:
        """Level → organisation → the lines that make no carbon claim, in the rules' own order."""
        order = [rule.id for rule in self.evidence.reference.switches.rules]
        asked: dict[str, dict[str, tuple[Question, ...]]] = {}
        for level, (found, _) in self._found.items():
            own: dict[str, list[Question]] = {}
            for row in found.lines.filter(pl.col("gate") == "shown").to_dicts():
                own.setdefault(row["organisation_code"], []).append(question_from(row))
            asked[level] = {c: tuple(sorted(qs, key=lambda q: order.index(q.rule_id))) for c, qs in own.items()}
        return asked

    @cached_property
    def code_lists(self) -> Mapping[str, pl.DataFrame]:
        """rule_id → its codes (`hand_over.code_lists`), of every rule that a page ranks among the first."""
        shown = {
            r["rule_id"] for own, _ in self._ranked.values() for rows in own.values() for r in rows[:ACTIONS_SHOWN]
        }
        rules = [r for r in self.evidence.reference.switches.rules if r.id in shown]
        if not rules:
            return {}
        listed = code_lists(self.evidence.config, rules, self.evidence.reference.products, self.evidence.period.held)
        return {str(rule): rows for (rule,), rows in listed.group_by("rule_id", maintain_order=True)}

    @cached_property
    def _codes(self) -> Mapping[str, Mapping[tuple[str, str], Code]]:
        """rule_id → side and BNF code → the code as a page shows it."""
        found: dict[str, dict[tuple[str, str], Code]] = {}
        for rule, table in self.code_lists.items():
            grouped = table.group_by("side", "bnf_code", "product_name", maintain_order=True).agg(
                pl.col("snomed_code").drop_nulls()
            )
            found[rule] = {
                (side, bnf): Code(side, bnf, name, tuple(snomed)) for side, bnf, name, snomed in grouped.iter_rows()
            }
        return found

    def _handed(self, row: Mapping[str, Any]) -> HandOver:
        """What the clinical system of one organisation needs of one line: the codes found there."""
        rule, known = row["rule_id"], self._codes[row["rule_id"]]
        sides = (("from", row["from_codes"]), ("to", row["to_codes"]))
        here = [(side, code) for side, codes in sides for code in (codes or "").split()]
        codes = tuple(known.get(at) or Code(*at, None, ()) for at in here)
        return HandOver(self.code_lists[rule]["search"][0], codes, codes_name(rule))

    @cached_property
    def _together(self) -> dict[tuple[str, str], Together]:
        """(level, organisation) → all its lines, each unit counted once."""
        return {
            (level, row["organisation_code"]): together_from(row)
            for level, (found, _) in self._found.items()
            for row in found.totals.to_dicts()
        }

    @cached_property
    def _not_judged(self) -> dict[tuple[str, str], str]:
        """(level, organisation) → why none of its lines is ranked, where it is judged on nothing."""
        named = {
            level: (every or found).lines.drop_nulls("not_judged") for level, (found, every) in self._found.items()
        }
        return {
            (level, code): why
            for level, lines in named.items()
            for code, why in lines.select("organisation_code", "not_judged").iter_rows()
        }

    @cached_property
    def _most_first(self) -> pl.DataFrame:
        """rule_id, organisation_code, units: practices in order of how much of a rule they have."""
        lines = self._found["practice"][0].lines.filter(pl.col("units") > 0)
        ordered = lines.sort("rule_id", "units", "organisation_code", descending=[False, True, False])
        return ordered.select("rule_id", "organisation_code", "units")

    def _holders(self, members: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """rule_id → the practices with the most units of it."""
        found: dict[str, list[str]] = {}
        for rule, code, units in self._most_first.filter(pl.col("organisation_code").is_in(list(members))).iter_rows():
            named = found.setdefault(rule, [])
            if len(named) < HOLDERS_SHOWN:
                named.append(f"{members[code]} ({number(units)})")
        return {rule: tuple(named) for rule, named in found.items()}

    @cached_property
    def _changes(self) -> dict[tuple[str, str], Change]:
        """(level, organisation) → the last twelve months beside the twelve before, over the months whole in both; none where too few."""
        after = self.evidence.period
        before = after.moved(-after.length, self.evidence.months)
        rows = split_between(self.evidence, before, after, REPORTED_LEVELS)
        keys = ("kg_before", "kg_after", "kg_change", "kg_volume", "kg_mix", "kg_factor", "kg_left_out")
        return {
            (row["level"], row["organisation_code"]): Change(
                before,
                after,
                row["months_compared"],
                **{k: float(row[k]) for k in keys},
                joined=self._joined.get((row["level"], row["organisation_code"]), ()),
            )
            for row in rows.filter(pl.col("months_compared") >= MONTHS_FOR_A_LINE).to_dicts()
        }

    @cached_property
    def _joined(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(level, organisation) → practices that closed and whose past is counted here, though it was not theirs then."""
        evidence = self.evidence
        gone = pl.col("practice_code").is_in(list(evidence.successor_of))
        now = evidence.members_as_now(REPORTED_LEVELS).filter(gone)
        then = members_now(evidence.practices, evidence.reference.places, REPORTED_LEVELS)
        moved = now.join(then, on=["practice_code", "organisation_code", "level"], how="anti").collect()
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for level, code, practice in (
            moved.select("level", "organisation_code", "practice_code").sort(pl.all()).iter_rows()
        ):
            found[level, code] = (*found.get((level, code), ()), practice)
        return found

    def mix_fall(self, practice: str) -> Interval | None:
        """The fall of kilograms by mix between the two years (least, central, most), where chance does not explain it."""
        return self._mix_falls.get(practice)

    @cached_property
    def _mix_falls(self) -> dict[str, Interval]:
        after = self.evidence.period
        found = mix_falls(self.evidence, after.moved(-after.length, self.evidence.months), after)
        return {
            code: Interval(*(-float(kg) for kg in (high, central, low)))
            for code, low, central, high in found.iter_rows()
        }

    @cached_property
    def _signals(self) -> dict[tuple[str, str], tuple[SignalPoint, ...]]:
        """(level, organisation) → the monthly series of kg an inhaler with its limits, for practices and PCNs."""
        (measure,) = chosen_measures(self.evidence, [TREND_MEASURE])
        series = pl.concat(monthly_values(self.evidence.longer, [measure], level) for level in ("practice", "pcn"))
        shown = pl.col("month").is_in(
            self.evidence.months
        )  # limits may come from before the window, pages show the window
        rows = signals_of(series.drop("period_start", "period_end"), measure).filter(shown).collect()
        found: dict[tuple[str, str], list[SignalPoint]] = {}
        for row in rows.sort("level", "organisation_code", "month").to_dicts():
            points = found.setdefault((row["level"], row["organisation_code"]), [])
            points.append(SignalPoint(*(row[k] for k in SIGNAL_KEYS)))
        return {code: tuple(points) for code, points in found.items()}


def _ranked_rows(found: Found) -> pl.DataFrame:
    return found.lines.filter(pl.col("gate") == "ranked").sort("organisation_code", "rank", "rule_id")
