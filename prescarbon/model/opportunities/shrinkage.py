"""True rates behind counted ones: is there more than chance between practices, and where is the peers' lower quartile?

A practice's count is a draw from its own true rate, and the true rates vary about a mean: beta-binomial for shares
(events of an exposure of events), gamma-Poisson for rates (events of so many people). Mean and spread are estimated
together, by moments with weights 1 ÷ variance (Kleinman 1973, JASA 68:46). Nothing is read into a spread that chance
alone would give: Tarone's score test (1979, Biometrika 66:585) for shares, Dean's P_B (1992, JASA 87:451) for rates,
one-sided at 5%. Method, sources and simulation: docs/explanation/opportunities.md#peers.
"""

from dataclasses import dataclass

import numpy as np

from prescarbon.model.uncertainty import Floats

LOWER_QUARTILE = 0.25
BEYOND_CHANCE = 1.644854  # standard normal, 95%
ROUNDS = 50  # of weights and spread in turn; ten settle it
LARGEST_SHARE_OF_SPREAD = 0.99  # a correlation of 1 has no beta distribution
GRID = np.linspace(-6, 6, 61)  # a fifth of a posterior standard deviation apart
SLOPE_AT = 0.05  # how far around the quartile its slope is taken


@dataclass(frozen=True)
class Spread:
    """How true rates vary: mean, the prior's two parameters, and whether it is more than chance.

    Attributes:
        mean: the mean of the true rates.
        a: first parameter of the beta (shares) or shape of the gamma (rates).
        b: second parameter of the beta or rate of the gamma.
        is_told: the test rejects that all true rates are alike; else a and b mean nothing to a claim.
    """

    mean: float
    a: float
    b: float
    is_told: bool


def fit_shares(events: Floats, exposure: Floats) -> Spread:
    """The spread of true shares: events of an exposure of the same events, one each a practice.

    Worked: the baseball table of Efron and Morris (1975) gives mean .2654, a 97.68, b 270.31.
    """
    mean = events.sum() / exposure.sum()
    if not 0 < mean < 1:
        return Spread(float(mean), np.inf, np.inf, is_told=False)
    squares = ((events - exposure * mean) ** 2).sum() / (mean * (1 - mean))
    z = (squares - exposure.sum()) / np.sqrt(2 * (exposure * (exposure - 1)).sum())
    rate, of_chance, between = events / exposure, 1 / exposure, 0.0
    for _ in range(ROUNDS):
        mean, between = _moments(rate, mean * (1 - mean) * of_chance, 1 - of_chance, between)
    if between <= 0:
        return Spread(float(mean), np.inf, np.inf, is_told=False)
    size = 1 / min(between / (mean * (1 - mean)), LARGEST_SHARE_OF_SPREAD) - 1
    return Spread(float(mean), float(mean * size), float((1 - mean) * size), bool(z > BEYOND_CHANCE))


def fit_rates(events: Floats, people: Floats) -> Spread:
    """The spread of true rates: events of so many people, one each a practice."""
    mean = events.sum() / people.sum()
    if not mean > 0:
        return Spread(float(mean), np.inf, np.inf, is_told=False)
    due = people * mean
    z = ((events - due) ** 2 - events).sum() / np.sqrt(2 * (due**2).sum())
    between = 0.0
    for _ in range(ROUNDS):
        mean, between = _moments(events / people, mean / people, np.ones_like(people), between)
    if between <= 0:
        return Spread(float(mean), np.inf, np.inf, is_told=False)
    return Spread(float(mean), float(mean**2 / between), float(mean / between), bool(z > BEYOND_CHANCE))


def _moments(rate: Floats, chance: Floats, moves: Floats, between: float) -> tuple[float, float]:
    """Mean and variance between practices, where var(rate) = chance + between × moves, from the last such variance."""
    weight = 1 / (chance + between * moves)
    total = weight.sum()
    mean = (weight * rate).sum() / total
    own = weight * (1 - weight / total)
    left = (weight * (rate - mean) ** 2).sum() - (own * chance).sum()
    return mean, max(0.0, left / (own * moves).sum())


def atoms(a: Floats, b: Floats, *, is_rate: bool) -> tuple[Floats, Floats]:
    """(practice × point) values and weights of the posteriors beta(a, b), or gamma(a, b) for rates.

    Points lie on the logit (or log) scale within six standard deviations of the mean: sums over them are integrals.
    """
    a, b = a[:, None], b[:, None]
    if is_rate:
        log_value = _digamma(a) - np.log(b) + np.sqrt(_trigamma(a)) * GRID
        values = np.exp(log_value)
        density = a * log_value - b * values
    else:
        logit = _digamma(a) - _digamma(b) + np.sqrt(_trigamma(a) + _trigamma(b)) * GRID
        log_value = -np.logaddexp(0, -logit)
        values = np.exp(log_value)
        density = a * log_value - b * np.logaddexp(0, logit)
    weights = np.exp(density - density.max(axis=1, keepdims=True))
    return values, weights / weights.sum(axis=1, keepdims=True)


def lower_quartile(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(set) lower quartile of the true rates of each set of practices, and its standard error.

    values, weights  (set × member × point), what `atoms` returns; a member of weight 0 is none
    method           Ḡ is the mean of the members' posteriors. With m members the j-th true rate is put at
                     Ḡ⁻¹((2j - 1) ÷ 2m) (the triple goal of Shen and Louis 1998, JRSS B 60:455), and their quartile is
                     taken as numpy's linear one. Its error: √Σ p(1 - p) ÷ m, p each member's probability to lie below,
                     times the slope of Ḡ⁻¹ there
    """
    members = np.maximum((weights.sum(axis=2) > 0).sum(axis=1), 1)
    place = LOWER_QUARTILE * (members - 1)
    below = np.floor(place)
    flat, weight = values.reshape(len(values), -1), weights.reshape(len(values), -1)
    order = np.argsort(flat, axis=1, kind="stable")
    flat, weight = np.take_along_axis(flat, order, axis=1), np.take_along_axis(weight, order, axis=1)
    middle = (np.cumsum(weight, axis=1) - weight / 2) / members[:, None]

    def at(level: Floats) -> Floats:
        after = np.clip((middle < level[:, None]).sum(axis=1), 1, flat.shape[1] - 1)
        row = np.arange(len(flat))
        (x0, x1), (y0, y1) = ((f[row, after - 1], f[row, after]) for f in (middle, flat))
        share = np.clip((level - x0) / np.where(x1 > x0, x1 - x0, 1), 0, 1)
        return np.asarray(y0 + share * (y1 - y0))

    ends = at((2 * below + 1) / (2 * members)), at((2 * below + 3) / (2 * members))
    quartile = ends[0] + (place - below) * (ends[1] - ends[0])
    is_below = (weights * (values <= quartile[:, None, None])).sum(axis=2).clip(0, 1)
    error = np.sqrt((is_below * (1 - is_below)).sum(axis=1)) / members
    far = np.maximum(SLOPE_AT, 1 / members)
    slope = (at(LOWER_QUARTILE + far) - at(np.maximum(LOWER_QUARTILE - far, 0))) / (2 * far)
    return quartile, error * slope


def excess_above(values: Floats, weights: Floats, quartile: Floats) -> Floats:
    """(practice) expected true rate above a quartile; nothing for a practice whose expected rate is not above it.

    values, weights  (practice × point), what `atoms` returns
    """
    expected = (weights * values).sum(axis=1)
    above = (weights * np.maximum(values - quartile[:, None], 0)).sum(axis=1)
    return np.where(expected > quartile, above, 0.0)


def _digamma(x: Floats) -> Floats:
    """ψ at x > 0: ten steps up, then the asymptotic series."""
    steps = sum((1 / (x + n) for n in range(10)), np.zeros_like(x))
    far = x + 10
    return np.asarray(np.log(far) - 1 / (2 * far) - 1 / (12 * far**2) + 1 / (120 * far**4) - steps)


def _trigamma(x: Floats) -> Floats:
    """The derivative of ψ at x > 0: ten steps up, then the asymptotic series."""
    steps = sum((1 / (x + n) ** 2 for n in range(10)), np.zeros_like(x))
    far = x + 10
    return np.asarray(1 / far + 1 / (2 * far**2) + 1 / (6 * far**3) - 1 / (30 * far**5) + steps)
