"""What is left of a to-peer claim where practices are alike, and how near it comes where they are not: a simulation.

python benchmarks/to_peer.py
"""

import numpy as np

from prescarbon.model.opportunities.shrinkage import atoms, excess_above, fit_shares, lower_quartile

PRACTICES, RUNS, MEAN = 90, 200, 0.3


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


if __name__ == "__main__":
    main()
