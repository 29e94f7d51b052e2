"""The lists of four real practices, autumn 2017, with the arithmetic of each top line written out from their rows."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prescarbon.model.activity import read_quantities, reduce_to_activity
from prescarbon.model.footprint import estimate_footprint
from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from prescarbon.model.opportunities.draws import tabulate_draws
from prescarbon.model.opportunities.lines import find_opportunities, roll_up, total_savings
from prescarbon.model.opportunities.options import OpportunityOptions
from prescarbon.model.opportunities.worlds import measure_intervals
from prescarbon.model.prices import base_prices, sum_sold
from prescarbon.reference.definitions import read_reference
from prescarbon.store.layouts import recognise, to_prescribing
from prescarbon.tables.opportunities import OPPORTUNITIES

pytestmark = pytest.mark.real
MONTHS = ("201709", "201710")
LAST = date(2017, 10, 1)
VENTOLIN, SALAMOL = "0301011R0BEAIAP", "0301011R0BIAFAP"
# people registered on 1 October 2017: gp-reg-pat-prac-quin-age, all ages and sexes
LISTS = {"B85010": 6951, "B85054": 10510, "L84018": 6639, "L84073": 4176}
# inhalers over the two months, added from the rows on paper
RELIEVERS = {"B85010": 675, "B85054": 1032, "L84018": 544, "L84073": 381}
VENTOLINS = {"B85010": 35, "B85054": 100, "L84018": 95, "L84073": 196}


@dataclass(frozen=True)
class World:
    lines: pl.DataFrame
    icb: pl.DataFrame
    claims: pl.DataFrame
    kg: Mapping[str, float]

    def of(self, practice: str, rule_id: str) -> dict[str, Any]:
        mine = (pl.col("organisation_code") == practice) & (pl.col("rule_id") == rule_id)
        return self.lines.row(by_predicate=mine, named=True)

    def ranked(self, practice: str) -> list[str]:
        return self.lines.filter((pl.col("organisation_code") == practice) & (pl.col("gate") == "ranked"))[
            "rule_id"
        ].to_list()


@pytest.fixture(scope="module")
def world(real: Path) -> World:
    """The two months as if they were the twelve that ranking asks for: what is tested is the arithmetic."""
    return read_world(real, months_held=12)


def read_world(real: Path, months_held: int) -> World:
    months = []
    for month in MONTHS:
        raw = pl.read_csv(gzip.decompress((real / "epd-2017" / f"epd_{month}.csv.gz").read_bytes()), infer_schema=False)
        months.append(to_prescribing(raw, recognise(raw.columns, month)))
    reference = read_reference()
    switches = reference.switches
    factors = reference.factors("harmonised", "AR6", {})
    reduced = reduce_to_activity(pl.concat(months).lazy())
    activity = read_quantities(reduced, reference.products, reference.not_inhalers).collect().lazy()
    sold = sum_sold(pl.concat(months).lazy())
    prices = base_prices(sold, date(2017, 9, 1), LAST, reference.deflators, reference.gbp_year)
    footprint = estimate_footprint(activity, reference.products, factors, reference.spend(), prices)
    footprint = footprint.collect().lazy()
    members = pl.LazyFrame(
        {"practice_code": list(LISTS), "patients": list(LISTS.values()), "everyone": ["all"] * 4, "is_gp": [True] * 4}
        | {"months_held": [months_held] * 4}
    )
    options = OpportunityOptions(
        period_start=date(2017, 9, 1), period_end=LAST, read_on=date(2026, 11, 1), guards=switches.guards,
        draws=tabulate_draws(factors, reference.error_parts(), month=LAST, seed=1, draws=200), seed=1,
    )  # fmt: skip
    volumes = sum_volumes(footprint, options).collect().lazy()
    claims = claim_units(
        switches.rules, volumes, reference.products, factors, switches.formulary, members, options
    ).collect()
    own, above = (members.select("practice_code", organisation_code=c) for c in ("practice_code", "everyone"))
    ends = [measure_intervals(claims.lazy(), groups, options) for groups in (own, above)]
    lines = find_opportunities(
        claims.lazy(), volumes, switches.rules, footprint, reference.products, options, ends[0]
    ).collect()
    icb = roll_up(lines.lazy(), members, "everyone", options, claims.lazy(), ends[1]).collect()
    in_force = factors.filter(pl.lit(LAST).is_between("valid_from", "valid_to")).select("key", "kg_co2e").collect()
    return World(lines, icb, claims, dict(in_force.iter_rows()))


def lower_quartile(four: Mapping[str, float]) -> float:
    """Of four values: three quarters of the way from the smallest to the next."""
    first, second, *_ = sorted(four.values())
    return first + 0.75 * (second - first)


def test_two_months_rank_nothing_and_keep_their_kilograms(real):
    world = read_world(real, months_held=2)
    assert set(world.lines["gate"]) == {"listed"}
    assert set(world.lines["gate_reason"]) == set(world.icb["gate_reason"]) == {"2 of 12 months"}
    assert float(world.of("L84073", "BR01")["kg_theoretical"]) == pytest.approx(
        196 * (world.kg[VENTOLIN] - world.kg[SALAMOL]), abs=1e-3
    )
    assert world.lines["kg_to_peer"].null_count() == world.lines.height


@pytest.mark.parametrize("practice", ["B85010", "B85054"])
def test_relievers_that_four_practices_cannot_tell_from_their_quartile_are_listed(world, practice):
    """Of 675 and 1,032 relievers some 57 and 50 stand above a quartile of four counts: it may be chance, and is not ranked."""
    got = world.of(practice, "TR02")
    assert got["units"] == RELIEVERS[practice]
    assert got["kg_to_peer_low"] == 0 < got["kg_to_peer"] < got["kg_to_peer_high"]
    assert (got["gate"], got["gate_reason"]) == ("listed", "cannot be told from the peers' lower quartile")


def test_ventolin_to_salamol_is_the_top_line_of_l84073_with_its_arithmetic(world):
    """196 of 381 relievers are Ventolin; the quartile of 35/675, 100/1032, 95/544 and 196/381 is 8.6%."""
    share = lower_quartile({p: VENTOLINS[p] / RELIEVERS[p] for p in LISTS})
    assert round(share, 4) == 0.0856
    above = 196 - share * 381
    assert round(above, 2) == 163.37
    got = world.of("L84073", "BR01")
    assert world.ranked("L84073")[0] == "BR01"
    assert (got["items"], got["units"], got["from_codes"], got["to_codes"]) == (132, 196.0, VENTOLIN, SALAMOL)
    saved = world.kg[VENTOLIN] - 1.0 * world.kg[SALAMOL]
    assert float(got["kg_theoretical"]) == pytest.approx(196 * saved, abs=1e-3)
    # by items (132 of some 300) and of true rates it is near what was counted by inhalers
    assert float(got["kg_to_peer"]) == pytest.approx(above * saved, rel=0.1)
    assert got["kg_to_peer_low"] < got["kg_to_peer"] < got["kg_to_peer_high"]
    assert 0 < got["rank_stability"] <= 1
    # it prescribes no Salamol, so the price is that of the four: £48.18 for 33; its own 196 Ventolins cost £294.00
    assert got["price_basis"] == "area NIC"
    change = 196 * 48.18 / 33 - 294.00
    assert float(got["cost_change_theoretical_gbp"]) == pytest.approx(change, abs=0.005)
    share_to_peer = float(got["kg_to_peer"]) / (196 * saved)
    assert float(got["cost_change_to_peer_gbp"]) == pytest.approx(share_to_peer * change, abs=0.01)


def test_the_lists_name_what_was_prescribed_in_2017_and_nothing_forbidden(world):
    everything = {code for codes in world.lines["from_codes"] for code in codes.split(" ")}
    assert {
        VENTOLIN,
        "0302000N0BDAABJ",
        "0302000N0BCAEBF",
        "0302000C0BPABBF",
    } <= everything  # Flutiform, Seretide, Clenil
    changes = world.lines.filter(pl.col("kind").is_in(["product switch", "refill", "device reuse"]))
    assert changes.filter(pl.col("to_codes") == "").height == 0
    sources = {code for codes in changes["from_codes"] for code in codes.split(" ")}
    assert not sources & {"0302000C0BPAABE", "0302000C0BTAABE", "0301011R0BMAAAP"}  # children's Clenil, Airomir pMDI
    assert world.lines.filter(pl.col("gate") == "ranked")["items"].min() >= 24
    assert world.lines.filter((pl.col("gate") == "ranked") & ~pl.col("is_sign_stable")).height == 0


def test_spacers_and_durations_are_shown_without_a_kilogram(world):
    spacers = world.of("B85010", "SP01")
    assert (spacers["gate"], spacers["kg_theoretical"]) == ("shown", None)
    assert spacers["target_units"] > 0  # AeroChambers are in the rows
    silent = world.lines.filter(pl.col("kind").is_in(["duration", "form", "safety"]))
    assert silent.height > 8
    assert silent.select(pl.col("^kg_.*$").is_null().all()).row(0) == (True,) * 18


def test_no_inhaler_is_counted_twice_and_practices_add_up(world):
    for scenario in ("theoretical", "attended", "to_peer"):
        counted = world.claims.group_by("practice_code", "from_code").agg(pl.col(f"counted_{scenario}").sum())
        assert counted[f"counted_{scenario}"].max() <= 1 + 1e-9
    kg = [c for c in OPPORTUNITIES.names if c.startswith("kg_")]
    kg = [c for c in kg if not c.endswith(("_low", "_high"))]  # ends are percentiles of sums, not sums of percentiles
    assert world.lines.select(pl.col(kg).sum()).rows() == world.icb.select(pl.col(kg).sum()).rows()
    union = total_savings(world.icb.lazy(), None).collect()["kg_theoretical_counted"][0]
    alone = world.icb["kg_theoretical"].sum()
    assert Decimal(0) < union < alone
