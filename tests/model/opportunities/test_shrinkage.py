"""True rates behind counted ones: published tables, and what chance alone and true variation leave of a claim."""

import numpy as np
import pytest

from prescarbon.model.opportunities.shrinkage import atoms, excess_above, fit_rates, fit_shares, lower_quartile

# Efron and Morris (1975): hits of 18 players in their first 45 at-bats, and each one's average over the rest of 1970
HITS = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7], dtype=float)
AT_BATS = np.full(18, 45.0)


def test_the_baseball_table_of_efron_and_morris():
    found = fit_shares(HITS, AT_BATS)
    assert (found.mean, found.a, found.b) == pytest.approx((0.26543, 97.68, 270.31), rel=1e-4)
    means = (found.a + HITS) / (found.a + found.b + 45)
    assert (means[0], means[-1]) == pytest.approx((0.2801, 0.2535), abs=5e-5)  # Clemente and Alvis
    assert not found.is_told  # 45 at-bats do not tell eighteen players apart


@pytest.mark.parametrize(("a", "b", "quartile"), [(210.556, 582.701, 0.2554), (97.676, 270.312, 0.2506)])
def test_the_lower_quartile_of_their_true_averages_by_triple_goal(a, b, quartile):
    values, weights = atoms(a + HITS, b + 45 - HITS, is_rate=False)
    found, error = lower_quartile(values[None], weights[None])
    assert found[0] == pytest.approx(quartile, abs=3e-4)  # .2222 as counted; the truth was .2365
    assert 0 < error[0] < 0.01


@pytest.mark.parametrize(("a", "b"), [(30.0, 70.0), (0.4, 900.0), (2500.0, 40.0)])
def test_sums_over_the_points_are_the_moments_of_beta_and_gamma(a, b):
    values, weights = atoms(np.array([a]), np.array([b]), is_rate=False)
    mean = (weights * values).sum()
    assert mean == pytest.approx(a / (a + b), rel=1e-3)
    assert (weights * (values - mean) ** 2).sum() == pytest.approx(a * b / (a + b) ** 2 / (a + b + 1), rel=1e-3)
    values, weights = atoms(np.array([a]), np.array([b]), is_rate=True)
    assert (weights * values).sum() == pytest.approx(a / b, rel=1e-3)


def test_nothing_above_the_quartile_is_claimed_of_a_rate_below_it():
    values, weights = atoms(np.array([20.0, 40.0]), np.array([80.0, 60.0]), is_rate=False)
    low, high = excess_above(values, weights, np.array([0.3, 0.3]))
    assert (low, high) == (0.0, pytest.approx(0.1, abs=2e-3))


@pytest.mark.parametrize("events", [0.0, 50.0])
def test_nobody_or_everybody_tells_no_spread(events):
    assert not fit_shares(np.full(5, events), np.full(5, 50.0)).is_told
    assert fit_rates(np.full(5, events), np.full(5, 50.0)).is_told is False


def simulate(generator, mean, spread, exposure, *, is_rate=False, runs=60):
    """What is claimed as counted, shrunk, and of the truth, added up over runs of practices."""
    raw = shrunk = true = 0.0
    for _ in range(runs):
        if is_rate:
            rates = (
                generator.gamma(1 / spread, mean * spread, len(exposure)) if spread else np.full(len(exposure), mean)
            )
            events = generator.poisson(rates * exposure).astype(float)
        else:
            size = 1 / spread - 1 if spread else 0
            rates = (
                generator.beta(mean * size, (1 - mean) * size, len(exposure))
                if spread
                else np.full(len(exposure), mean)
            )
            events = generator.binomial(exposure.astype(int), rates).astype(float)
        counted = events / exposure
        raw += (exposure * np.maximum(counted - np.quantile(counted, 0.25), 0)).sum()
        true += (exposure * np.maximum(rates - np.quantile(rates, 0.25), 0)).sum()
        found = (fit_rates if is_rate else fit_shares)(events, exposure)
        if found.is_told:
            left = exposure if is_rate else exposure - events
            values, weights = atoms(found.a + events, found.b + left, is_rate=is_rate)
            quartile, _ = lower_quartile(values[None], weights[None])
            shrunk += (exposure * excess_above(values, weights, np.repeat(quartile, len(exposure)))).sum()
    return raw, shrunk, true


UNEQUAL = np.linspace(800, 30000, 90)  # items of inhalers in twelve months, small practice to large


@pytest.mark.parametrize("mean", [0.003, 0.03, 0.3, 0.8])
@pytest.mark.parametrize("exposure", [np.full(90, 40.0), np.full(90, 2500.0), UNEQUAL], ids=["40", "2500", "unequal"])
@pytest.mark.parametrize("is_rate", [False, True], ids=["shares", "rates"])
def test_where_all_practices_are_alike_less_than_a_tenth_is_left_of_the_claim(mean, exposure, is_rate):
    raw, shrunk, true = simulate(np.random.Generator(np.random.PCG64(11)), mean, 0, exposure, is_rate=is_rate)
    assert true == pytest.approx(0, abs=1e-6)
    assert shrunk < 0.1 * raw


@pytest.mark.parametrize(
    ("exposure", "spread", "within"),
    [(np.full(90, 2500.0), 0.002, 0.05), (np.full(90, 2500.0), 0.05, 0.02), (UNEQUAL, 0.01, 0.02),
     (np.full(90, 40.0), 0.05, 0.08)],
    ids=["2500-little", "2500-much", "unequal", "40-much"],
)  # fmt: skip
def test_true_variation_is_claimed_within_a_stated_distance(exposure, spread, within):
    raw, shrunk, true = simulate(np.random.Generator(np.random.PCG64(12)), 0.3, spread, exposure)
    assert shrunk == pytest.approx(true, rel=within)
    assert abs(shrunk - true) < abs(raw - true)


def test_true_variation_of_rates_is_claimed_within_a_stated_distance():
    people = np.linspace(100, 1000, 90)
    raw, shrunk, true = simulate(np.random.Generator(np.random.PCG64(13)), 0.15, 0.05, people, is_rate=True)
    assert shrunk == pytest.approx(true, rel=0.03)
    assert abs(shrunk - true) < abs(raw - true)


def test_little_variation_of_few_items_is_left_unclaimed_not_made_up():
    _, shrunk, true = simulate(np.random.Generator(np.random.PCG64(14)), 0.3, 0.002, np.full(90, 40.0))
    assert 0 <= shrunk < true
