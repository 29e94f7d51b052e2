"""What is left of a to-peer claim where practices are alike, and how near it comes where they are not: a simulation.

python benchmarks/to_peer.py
"""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from prescarbon.config import Config
from prescarbon.model.opportunities.claims import inhaler_classes, judged
from prescarbon.model.opportunities.excess import PRACTICES_TO_COMPARE, Flags
from prescarbon.model.opportunities.peers import UNITS_TO_COMPARE, items_and_pools, judge
from prescarbon.model.opportunities.shrinkage import atoms, excess_above, fit_shares, lower_quartile
from prescarbon.pack.demo import write_demo
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.opportunities import prepare

PRACTICES, RUNS, MEAN = 90, 200, 0.3
RUNS_A_RULE = 50


def simulate(numbers: np.random.Generator, items: int, spread: float, mean: float, each: int) -> tuple[float, ...]:
    """Items above the quartile as counted, as claimed and in truth, and the share of runs that tell a spread.

    each  items that one person has; where it is more than one, persons are the independent events
    """
    raw = claimed = true = told = 0.0
    for _ in range(RUNS):
        exposure = np.full(PRACTICES, float(items))
        size = 1 / spread - 1 if spread else 0.0
        rates = numbers.beta(mean * size, (1 - mean) * size, PRACTICES) if spread else np.full(PRACTICES, mean)
        events = each * numbers.binomial(items // each, rates).astype(float)
        counted = events / exposure
        raw += (exposure * np.maximum(counted - np.quantile(counted, 0.25), 0)).sum() / RUNS
        true += (exposure * np.maximum(rates - np.quantile(rates, 0.25), 0)).sum() / RUNS
        found = fit_shares(events, exposure)
        if found.is_told:
            told += 1 / RUNS
            values, weights = atoms(found.a + events, found.b + exposure - events, is_rate=False)
            quartile, _ = lower_quartile(values[None], weights[None])
            claimed += (exposure * excess_above(values, weights, np.repeat(quartile, PRACTICES))).sum() / RUNS
    return raw, claimed, true, told


def simulate_rules(numbers: np.random.Generator, config: Config) -> pl.DataFrame:
    """Each rule over the practices of a store, were all of them alike: items a run as counted, as claimed, and their ratio.

    Exposure, peers, nearest peers and gates are the store's; only the items of the rule's sources are drawn again, each
    practice's from the share of all.
    """
    prepared = prepare(gather(config, months=12), include_off=True)
    classes = inhaler_classes(prepared.evidence.reference.products, prepared.options.period_end)
    grid = items_and_pools(prepared.claims, prepared.volumes, classes, judged(prepared.peers.members))
    near = None if prepared.peers.nearest is None else prepared.peers.nearest.collect()
    blocks = grid.sort("rule_id", "peer_group", "practice_code").collect().partition_by("rule_id", "peer_group")
    return pl.DataFrame(
        [_one_rule(numbers, block, near) for block in blocks if _is_compared(block).sum() >= PRACTICES_TO_COMPARE]
    ).sort("rule_id")


def _is_compared(block: pl.DataFrame) -> Flags:
    has_pool = (block["pool"] > 0) & (block["pool_units"] >= UNITS_TO_COMPARE)
    return (has_pool & block["not_judged"].is_null()).to_numpy()


def _one_rule(numbers: np.random.Generator, block: pl.DataFrame, near: pl.DataFrame | None) -> dict[str, object]:
    pool = np.maximum(block["pool"].to_numpy(), block["items"].to_numpy())
    is_judged, is_peer = block["not_judged"].is_null().to_numpy(), _is_compared(block)
    mean, is_over_use = block["items"].sum() / pool.sum(), block["kind"].cast(pl.String)[0] == "over-use"
    counted = claimed = 0.0
    for _ in range(RUNS_A_RULE):
        events = numbers.binomial(pool, mean)
        quartile = np.quantile(events[is_peer] / pool[is_peer], 0.25)
        rest = 1 - quartile if is_over_use else 1  # fewer relievers are fewer of both, as `judge` has it
        counted += np.maximum(events - quartile * pool, 0)[is_judged].sum() / rest / RUNS_A_RULE
        again = block.with_columns(items=pl.Series(events, dtype=block.schema["items"]))
        told = again.join(judge(again, near), on=["practice_code", "rule_id"])
        claimed += float((told["items"] * told["excess_share"].fill_null(0)).sum()) / RUNS_A_RULE
    return {"rule_id": block["rule_id"][0], "share": mean, "counted": counted, "claimed": claimed}


def main() -> None:
    """Print the tables of docs/explanation/opportunities.md."""
    numbers = np.random.Generator(np.random.PCG64(2026))
    print("| items | mean | spread | as counted | claimed | true | told |\n|---|---|---|---|---|---|---|")
    for items in (40, 2_500, 10_000):
        for mean, spread in ((MEAN, 0), (0.003, 0), (MEAN, 0.002), (MEAN, 0.01), (MEAN, 0.05)):
            raw, claimed, true, told = simulate(numbers, items, spread, mean, 1)
            print(f"| {items:,} | {mean} | {spread} | {raw:,.0f} | {claimed:,.0f} | {true:,.0f} | {told:.0%} |")
    print("\nall alike, but a person has several items:\n| items a person | as counted | claimed |\n|---|---|---|")
    for each in (1, 2, 4):
        raw, claimed, _, _ = simulate(numbers, 2_500, 0, MEAN, each)
        print(f"| {each} | {raw:,.0f} | {claimed:,.0f} |")
    print(
        "\nevery rule over the practices of the SYNTHETIC sample:\n| rule | mean share | as counted | claimed | left |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_demo(Config(home=root / "home", out=root / "out"))
        demo = Config(home=root / "home" / "demo", out=root / "out", scope=("gp",), is_scope_given=True)
        for rule, share, raw, claimed in simulate_rules(np.random.Generator(np.random.PCG64(2026)), demo).iter_rows():
            left = f"{claimed / raw:.1%}" if raw else "nothing to claim"
            print(f"| {rule} | {share:.3g} | {raw:,.0f} | {claimed:,.1f} | {left} |")


if __name__ == "__main__":
    main()
