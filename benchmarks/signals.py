"""How often the newest month of a quiet series is called news, and how often a real step is found.

Each cell is a few hundred or thousand made-up areas of monthly values: a season (±10% of the mean, its peak in any month), a
fall of half a per cent a month, and noise of 4% of the mean that carries on from month to month by the lag-1 autocorrelation.
Run it with `python benchmarks/signals.py [areas]`; docs/explanation/method.md prints what it gave.
"""

import sys
from datetime import date

import numpy as np
import polars as pl

from prescarbon.model.measures.spc import find_signals

MONTHS, LAGS = (12, 18, 24, 36, 60), (0.0, 0.2, 0.4, 0.6, 0.8)
SEASON, FALL, NOISE, STEP = 0.1, 0.005, 0.04, 0.2
BURN_IN = 60
STEP_AFTER = (24, 36)
SEED = 20260101
BY = ["organisation_code"]


def draw_areas(
    areas: int,
    months: int,
    lag: float,
    seed: int = SEED,
    *,
    season: float = SEASON,
    fall: float = FALL,
    step_at: int = 0,
) -> pl.LazyFrame:
    """organisation_code, month, value: quiet areas; from month `step_at` on (0: never) a fifth lower."""
    random = np.random.Generator(np.random.PCG64([seed, months, round(lag * 100), step_at]))
    noise = np.empty((areas, months + BURN_IN))
    noise[:, 0] = random.standard_normal(areas)
    fresh = random.standard_normal((areas, months + BURN_IN)) * np.sqrt(1 - lag**2)
    for at in range(1, months + BURN_IN):
        noise[:, at] = lag * noise[:, at - 1] + fresh[:, at]
    at, peak = np.arange(months), random.integers(0, 12, (areas, 1))
    value = 1 - fall * at + season * np.sin(2 * np.pi * (at + peak) / 12) + NOISE * noise[:, BURN_IN:]
    if step_at:
        value[:, step_at:] *= 1 - STEP
    month = pl.date_range(date(2020, 1, 1), pl.date(2020, 1, 1).dt.offset_by(f"{months - 1}mo"), "1mo", eager=False)
    dates = pl.select(month).to_series().to_list()
    return pl.LazyFrame(
        {"organisation_code": np.repeat(np.arange(areas), months), "month": dates * areas, "value": value.ravel()}
    )


def newest_called(series: pl.LazyFrame, *, is_plain: bool = False) -> np.ndarray:
    """Whether the newest month of each area has a signal."""
    found = find_signals(series, by=BY, is_plain=is_plain)
    last = pl.col("month") == pl.col("month").max()
    return found.filter(last).select(pl.col("signal").is_not_null()).collect().to_series().to_numpy()


def false_alarms(areas: int, *, is_plain: bool = False) -> list[tuple[float, ...]]:
    """lag, then for each of MONTHS the share of quiet areas whose newest month has a signal."""
    return [
        (lag, *(newest_called(draw_areas(areas, n, lag), is_plain=is_plain).mean() for n in MONTHS)) for lag in LAGS
    ]


def steps_found(areas: int, step_at: int) -> list[tuple[float, ...]]:
    """lag, then the share of steps found in their first month, by the third, and by the sixth month, each as it was newest."""
    found = []
    for lag in LAGS:
        months = range(step_at + 1, step_at + 7)
        whole = draw_areas(areas, step_at + 6, lag, step_at=step_at)
        until = [whole.filter(pl.int_range(pl.len()).over("organisation_code") < n) for n in months]
        called = np.array([newest_called(series) for series in until])
        found.append((lag, *(called[:by].any(axis=0).mean() for by in (1, 3, 6))))
    return found


def _table(title: str, heads: list[str], rows: list[tuple[float, ...]]) -> None:
    sys.stdout.write(f"\n{title}\n{'lag-1':>7}" + "".join(f"{h:>12}" for h in heads) + "\n")
    for lag, *shares in rows:
        sys.stdout.write(f"{lag:>7}" + "".join(f"{share:>12.1%}" for share in shares) + "\n")


def main() -> None:
    """Print the tables."""
    areas = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    heads = [f"{n} months" for n in MONTHS]
    _table("Newest month called news in a quiet series", heads, false_alarms(areas))
    _table("The same with plain limits", heads, false_alarms(areas, is_plain=True))
    for step_at in STEP_AFTER:
        title = f"A step of 20% after {step_at} months, found while it was newest"
        _table(title, ["month 1", "by month 3", "by month 6"], steps_found(areas // 4, step_at))


if __name__ == "__main__":
    main()
