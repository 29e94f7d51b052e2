"""Claims → kilograms of every line in every possible world: factor noise and count noise drawn together.

One draw is one world. A factor has one value in it for all practices; a practice's true rate is drawn from its own
posterior, and the peers' quartile from its error, the same for all practices that a rule speaks of. Every line, every
organisation's line and every union is summed within a world, and its low and high are percentiles of its own sums.
How rules share an inhaler (the counted columns) is settled once, by the central values.

Streams of random numbers are those of a key (practice and rule, or rule): they depend on no order and no other row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from prescarbon.model.opportunities.draws import draw_savings
from prescarbon.model.opportunities.options import ENDS, SCENARIOS, OpportunityOptions
from prescarbon.model.uncertainty import GRAM, PERCENTILES, Floats, draw_positions, stream
from prescarbon.tables.schema import KG

LINES_AT_ONCE = 500  # bounds memory: 500 lines × 1,000 draws are 4 MB a column
ROWS_AT_ONCE = 2_000
COLUMNS = {f"kg_{s}{c}": (f"{w}_{s}", s) for s in SCENARIOS for c, w in (("", "share"), ("_counted", "counted"))}
BY_FACTORS = "kg_by_factors"  # to-peer as it is, moved by factors only: for £ a kg, where the count cancels
WEIGHTS = COLUMNS | {BY_FACTORS: ("share_to_peer", "none")}
CERTAIN = 1 - 1e-9  # a share of 1 leaves nothing to divide by
LINE = ["organisation_code", "rule_id"]
ONE = [*LINE, "practice_code"]


@dataclass(frozen=True)
class Intervals:
    """5th and 95th percentile over the draws, to the gram.

    Attributes:
        lines: organisation_code × rule_id: {column}_low_drawn and {column}_high_drawn of every column of COLUMNS.
        totals: organisation_code: the same of the counted columns, summed over its rules.
    """

    lines: pl.LazyFrame
    totals: pl.LazyFrame


def measure_intervals(claims: pl.LazyFrame, groups: pl.LazyFrame, options: OpportunityOptions) -> Intervals | None:
    """The intervals of every line of the groups and of its union; None where the options have no draws.

    claims  what `claim_units` returns
    groups  practice_code, organisation_code: whose lines are wanted
    """
    if options.draws is None:
        return None
    drawn = [f"{c}{end}_drawn" for c in COLUMNS for end in ("_low", "_high")]
    empty = pl.DataFrame(schema=dict.fromkeys(LINE, pl.String) | dict.fromkeys(drawn, KG))
    lines, totals = [empty], [empty.select("organisation_code", *(c for c in drawn if "_counted" in c))]
    for frame, kg in in_each_world(claims, groups, options.draws, options.seed, tuple(COLUMNS)):
        lines.append(_percentiles(frame, kg))
        starts = _starts(frame, ["organisation_code"])
        counted = {c: np.add.reduceat(kg[c], starts, axis=0) for c in COLUMNS if c.endswith("_counted")}
        totals.append(_percentiles(frame[starts].select("organisation_code"), counted))
    return Intervals(pl.concat(lines).lazy(), pl.concat(totals).lazy())


def _percentiles(frame: pl.DataFrame, kg: Mapping[str, Floats]) -> pl.DataFrame:
    """The frame plus low and high of each column."""
    ends = {c: np.percentile(values, PERCENTILES, axis=1) for c, values in kg.items()}
    return frame.with_columns(
        pl.Series(f"{c}{end}_drawn", values).round(GRAM).cast(KG)
        for c, both in ends.items()
        for end, values in zip(("_low", "_high"), both, strict=True)
    )


def with_ends(sums: pl.LazyFrame, ends: pl.LazyFrame, by: Sequence[str], stems: Sequence[str]) -> pl.LazyFrame:
    """The sums with low and high from the draws, never on the wrong side of the central value; null where that is.

    ends   a frame of `Intervals`; a line that is not there keeps its ends
    stems  names of central columns, such as kg_to_peer
    """
    have = sums.collect_schema().names()
    pairs = [
        (c, end, narrow) for c in stems for end, narrow in (("_low", pl.min_horizontal), ("_high", pl.max_horizontal))
    ]
    return (
        sums.join(ends, on=by, how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col(c).is_not_null() & pl.col(f"{c}{end}_drawn").is_not_null())
            .then(narrow(f"{c}{end}_drawn", c))
            .otherwise(f"{c}{end}")
            .cast(KG)
            .alias(f"{c}{end}")
            for c, end, narrow in pairs
        )
        .select(have)
    )


def in_each_world(
    claims: pl.LazyFrame, groups: pl.LazyFrame, draws: pl.LazyFrame, seed: int, columns: Sequence[str]
) -> Iterator[tuple[pl.DataFrame, dict[str, Floats]]]:
    """Whole organisations at a time: organisation_code × rule_id, and (row × draw) kg of some columns of WEIGHTS.

    Lines whose saving is not known, or that make no carbon claim, are not there.
    """
    rows = (
        claims.filter(pl.col("saved").is_not_null())
        .join(groups.select("practice_code", "organisation_code"), on="practice_code")
        .sort(*ONE, "from_code")
        .collect()
    )
    worlds = draws.select(pl.col("draw").n_unique()).collect().item()
    savings = _tabulate_savings(rows, draws, seed, worlds)
    rows = rows.join(savings.pairs, on=["rule_id", "from_code"], how="left", maintain_order="left")
    lines = rows.group_by("organisation_code", maintain_order=True).agg(pl.col("rule_id").n_unique())
    chunks = lines.select("organisation_code", chunk=pl.col("rule_id").cum_sum() // LINES_AT_ONCE)
    rows = rows.join(chunks, on="organisation_code", how="left", maintain_order="left")
    for part in rows.partition_by("chunk", maintain_order=True):
        line = part.select(pl.struct(LINE).rle_id()).to_series().to_numpy()
        kg = {c: np.zeros((line[-1] + 1, worlds)) for c in columns}
        one = _starts(part, ONE)
        of_block = np.repeat(one, np.diff([*one, part.height])) // ROWS_AT_ONCE
        cuts = [*np.flatnonzero(np.diff(of_block, prepend=-1)), part.height]
        for at_cut, end in enumerate(cuts[1:]):
            start = cuts[at_cut]
            block = part[start:end]
            first = _starts(block, ONE)
            at = line[start:end][first]
            begins = np.flatnonzero(np.diff(at, prepend=-1))
            saved, times = savings.of(block), _noise(block[first], seed, worlds)
            for c in columns:
                weight, scenario = WEIGHTS[c]
                share = (block["units"] * block[weight].fill_null(0.0)).to_numpy()[:, None]
                each = np.add.reduceat(saved * share, first, axis=0) * times[scenario]
                kg[c][at[begins]] += np.add.reduceat(each, begins, axis=0)
        yield part[_starts(part, LINE)].select(LINE), kg


def _starts(rows: pl.DataFrame, by: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each run of rows that are alike in `by` begins."""
    run = rows.select(pl.struct(by).rle_id()).to_series().to_numpy()
    return np.asarray(np.flatnonzero(np.diff(run.astype(np.int64), prepend=-1)), dtype=np.int64)


@dataclass(frozen=True)
class _Savings:
    """What a unit saves in each world: of pairs by their factors, of other rules between their own ends."""

    pairs: pl.DataFrame
    by_factors: Floats
    positions: dict[str, Floats]

    def of(self, rows: pl.DataFrame) -> Floats:
        """(row × draw) kg a unit."""
        pair = rows["pair"].fill_null(-1).to_numpy()
        saved: Floats = self.by_factors[pair]
        still = np.flatnonzero(pair < 0)
        if len(still):
            low, central, high = (rows[c].cast(pl.Float64).to_numpy()[still, None] for c in ENDS.values())
            position = np.stack([self.positions[rule] for rule in rows["rule_id"][still]])
            saved[still] = central + np.where(position < 0, central - low, high - central) * position
        return saved


def _tabulate_savings(rows: pl.DataFrame, draws: pl.LazyFrame, seed: int, worlds: int) -> _Savings:
    drawn = draw_savings(rows.lazy(), draws).sort("rule_id", "from_code", "draw").collect()
    pairs = drawn.select("rule_id", "from_code").unique(maintain_order=True).with_row_index("pair")
    pairs = pairs.with_columns(pl.col("pair").cast(pl.Int64))
    table = np.vstack([drawn["saved_drawn"].to_numpy().reshape(pairs.height, worlds), np.zeros((1, worlds))])
    rules = rows["rule_id"].unique().sort().to_list()
    positions = draw_positions([f"{rule} saving" for rule in rules], seed, worlds)
    return _Savings(pairs, table, dict(zip(rules, positions, strict=True)))


def _noise(lines: pl.DataFrame, seed: int, worlds: int) -> dict[str, Floats]:
    """Scenario → (line × draw) what the draw of a practice's true rate makes of the central share."""
    drawn = draw_excess(lines, seed, worlds)
    excess, attended, achievable = (
        lines[c].fill_null(0.0).to_numpy()[:, None] for c in ("excess_share", "share_attended", "achievable_share")
    )
    is_over_use = (lines["kind"].cast(pl.String) == "over-use").to_numpy()[:, None]
    is_compared = lines["excess_share"].is_not_null().to_numpy()[:, None]
    to_peer = drawn / np.where(excess > 0, excess, 1)
    capped = np.minimum(achievable, drawn) / np.where(attended > 0, attended, 1)
    return {
        "none": np.ones((1, 1)),
        "theoretical": np.where(is_over_use, to_peer, 1.0),
        "attended": np.where(is_compared, capped, 1.0),
        "to_peer": to_peer,
    }


def draw_excess(lines: pl.DataFrame, seed: int, worlds: int) -> Floats:
    """(line × draw) share of the items above the peers' lower quartile; nought where none is claimed.

    lines  practice_code, rule_id, kind and the columns of `peers.EXCESS_SCHEMA`
    """
    excess = np.zeros((lines.height, worlds))
    errors: dict[str, Floats] = {}
    named = lines.select(
        "practice_code", "rule_id", pl.col("kind").cast(pl.String), "is_rate", "true_a", "true_b", "quartile",
        "quartile_error", "exposure_an_item",
    )  # fmt: skip
    for at in lines.select((pl.col("excess_share") > 0).fill_null(value=False).arg_true()).to_series():
        practice, rule, kind, is_rate, a, b, quartile, error, exposure = named.row(at)
        if rule not in errors:
            errors[rule] = stream(f"{rule} quartile", seed).standard_normal(worlds)
        numbers = stream(f"{practice} {rule}", seed)
        rate = numbers.gamma(a, 1 / b, worlds) if is_rate else numbers.beta(a, b, worlds)
        reached = np.clip(quartile + error * errors[rule], 0, None if is_rate else CERTAIN)
        above = np.maximum(rate - reached, 0)
        excess[at] = exposure * (above / (1 - reached) if kind == "over-use" and not is_rate else above)
    return np.asarray(excess.clip(0, 1))
