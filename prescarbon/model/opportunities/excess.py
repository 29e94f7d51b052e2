"""Practices beside the lower quartile of their peers' true rates, all of one rule at once."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import polars as pl

from prescarbon.model.opportunities.shrinkage import (
    BEYOND_CHANCE,
    LOWER_QUARTILE,
    atoms,
    excess_above,
    fit_rates,
    fit_shares,
    lower_quartile,
)
from prescarbon.model.uncertainty import Floats

PRACTICES_TO_COMPARE = 4  # a quartile needs four values
SETS_AT_ONCE = 500  # bounds memory: 500 practices × 11 peers × 61 points are 3 MB
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Sets = Sequence[tuple[Whole, Whole]]


@dataclass(frozen=True)
class Compared:
    """Practices compared in one way, an array each.

    Attributes:
        excess: events above the quartile; nan where nothing can be said.
        is_rare: the quartile cannot be told from nought.
        is_told: the practices differ by more than chance.
        a: first parameter of the posterior of the true rate; nan where it is not told, like the next three.
        b: its second parameter.
        quartile: the lower quartile of the peers' true rates.
        error: its standard error.
    """

    excess: Floats
    is_rare: Flags
    is_told: Flags
    a: Floats
    b: Floats
    quartile: Floats
    error: Floats


def either(take: Flags, one: Compared, other: Compared) -> Compared:
    """The one where `take` is true, else the other, practice by practice."""
    return Compared(*(np.where(take, getattr(one, f.name), getattr(other, f.name)) for f in fields(Compared)))


def compare(events: Floats, exposure: Floats, judged: Flags, is_peer: Flags, sets: Sets, *, is_rate: bool) -> Compared:
    """Every judged practice beside its peers.

    events    items of the rule's sources
    exposure  items they are a share of, or people (is_rate); nan or nought where not known
    judged    practices that are told their excess; is_peer: those whose true rates make spread and quartile
    sets      what `find_sets` returns
    """
    is_known = np.nan_to_num(exposure) > 0
    judged, is_peer = judged & is_known, is_peer & is_known
    found = Compared(
        *(np.full_like(events, np.nan), np.zeros_like(judged), np.zeros_like(judged)),
        *(np.full_like(events, np.nan) for _ in range(4)),
    )
    if is_peer.sum() < PRACTICES_TO_COMPARE:
        return found
    spread = (fit_rates if is_rate else fit_shares)(events[is_peer], exposure[is_peer])
    found.is_told[:] = spread.is_told
    known = np.where(is_known, exposure, 1.0)
    if spread.is_told:
        found.a[:], found.b[:] = spread.a + events, spread.b + (known if is_rate else known - events)
        values, weights = atoms(found.a, found.b, is_rate=is_rate)
    for rows, members in sets:
        is_in = (members >= 0) & is_peer[members]
        can_say = judged[rows] & (is_in.sum(axis=1) >= PRACTICES_TO_COMPARE)
        prescribe = (is_in & (events[members] > 0)).sum(axis=1)
        found.is_rare[rows] = can_say & (prescribe < (1 - LOWER_QUARTILE) * is_in.sum(axis=1))
        found.excess[rows] = np.where(can_say, 0.0, np.nan)
        if spread.is_told:
            quartile, error = lower_quartile(values[members], weights[members] * is_in[:, :, None])
            found.quartile[rows], found.error[rows] = quartile, error
            above = known[rows] * excess_above(values[rows], weights[rows], found.quartile[rows])
            found.excess[rows] = np.where(can_say, above, np.nan)
            found.is_rare[rows] |= can_say & (quartile <= BEYOND_CHANCE * error)
    return found


def find_sets(practices: pl.Series, nearest: pl.DataFrame | None) -> Sets:
    """Which practices each is compared with: (practices, and set × member, -1 for none), one set serving all or each its own.

    practices  practice_code, each once
    nearest    practice_code, peer_code, rank (from 1): such a practice stands beside itself and these; others beside all
    """
    everyone = np.arange(len(practices))
    if nearest is None:
        return [(everyone, everyone[None, :])]
    at = pl.DataFrame({"practice_code": practices, "at": everyone})
    near = nearest.join(at, on="practice_code").join(
        at.rename({"practice_code": "peer_code", "at": "peer"}), on="peer_code"
    )
    members = np.full((len(practices), 1 + int(nearest["rank"].to_numpy().max(initial=0))), -1)
    members[:, 0] = everyone
    members[near["at"].to_numpy(), near["rank"].to_numpy()] = near["peer"].to_numpy()
    has_own = practices.is_in(nearest["practice_code"].implode()).to_numpy()
    own, others = np.flatnonzero(has_own), np.flatnonzero(~has_own)
    parts = [own[start : start + SETS_AT_ONCE] for start in range(0, len(own), SETS_AT_ONCE)]
    return [*((part, members[part]) for part in parts), *([(others, everyone[None, :])] if len(others) else [])]
