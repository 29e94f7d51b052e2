"""Times the shared draws: 90 practices × 600 products × 1,000 draws, one product in ten drawn locally, and XmR of 106 areas × 61 months.

Run: python benchmarks/uncertainty.py
"""

from collections.abc import Callable
from datetime import date
from time import perf_counter

import numpy as np
import polars as pl

from prescarbon.model.measures.spc import find_signals
from prescarbon.model.uncertainty import draw_factors, intervals_by
from prescarbon.tables.products import ERROR_PARTS
from prescarbon.tables.schema import KG

PRACTICES, PRODUCTS, DRAWS = 90, 600, 1000
AREAS, MONTHS = 106, 61


def best_of(times: int, task: Callable[[], object]) -> float:
    """Seconds of the fastest of so many runs."""
    seconds = []
    for _ in range(times):
        start = perf_counter()
        task()
        seconds.append(perf_counter() - start)
    return min(seconds)


def made_up_footprint(rng: np.random.Generator) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """Footprint rows, factors and parts of their errors, of no real practice."""
    central = rng.uniform(0.5, 40, PRODUCTS)
    names = [f"product {i:03}" for i in range(PRODUCTS)]
    factors = pl.DataFrame({"factor_id": names, "kg_co2e": central}).with_columns(
        kg_low=pl.col("kg_co2e") * 0.8, kg_high=pl.col("kg_co2e") * 1.3
    )
    devices = rng.integers(0, 200, (PRACTICES, PRODUCTS)).astype(float)
    rows = pl.DataFrame(
        {
            "practice_code": np.repeat([f"P{i:02}" for i in range(PRACTICES)], PRODUCTS),
            "factor_id": np.tile(names, PRACTICES),
            "devices": devices.ravel(),
        }
    ).join(factors, on="factor_id")
    footprint = rows.with_columns((pl.col("kg_low", "kg_co2e", "kg_high") * pl.col("devices")).round(6).cast(KG))
    local = pl.int_range(pl.len()) % 10 == 0
    parts = pl.LazyFrame({"factor_id": names, "shared_key": names, "below": 1.0, "above": 1.0}).with_columns(
        centre=pl.when(local).then(0.4), local_spread=pl.when(local).then(0.5)
    )
    return footprint.lazy(), factors.lazy(), ERROR_PARTS.admit(parts)


def main() -> None:
    """Print one line a task."""
    rng = np.random.default_rng(1)
    footprint, factors, parts = made_up_footprint(rng)
    months = pl.date_range(date(2020, 12, 1), date(2025, 12, 1), "1mo", eager=True).alias("month")
    areas = pl.DataFrame({"organisation_code": [f"A{i:03}" for i in range(AREAS)]})
    series = areas.join(months.to_frame(), how="cross").with_columns(
        value=pl.Series(rng.normal(100, 5, AREAS * MONTHS))
    )
    tasks: dict[str, Callable[[], object]] = {
        f"draws, {PRODUCTS} factors × {DRAWS}": lambda: draw_factors(factors, parts, 1, DRAWS),
        f"intervals, {PRACTICES} × {PRODUCTS} × {DRAWS}, from the footprint, draws included": lambda: intervals_by(
            footprint, parts, ["practice_code"], 1, DRAWS
        ).collect(),
        f"XmR with four rules, {AREAS} areas × {MONTHS} months": lambda: find_signals(
            series.lazy(), by=["organisation_code"]
        ).collect(),
    }
    for words, task in tasks.items():
        print(f"{best_of(3, task):8.3f} s  {words}")


if __name__ == "__main__":
    main()
