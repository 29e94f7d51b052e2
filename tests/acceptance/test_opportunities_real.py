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
from prescarbon.model.footprint import base_prices, estimate_footprint
from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from prescarbon.model.opportunities.draws import tabulate_draws
from prescarbon.model.opportunities.lines import find_opportunities, roll_up, total_savings
from prescarbon.model.opportunities.options import OpportunityOptions
from prescarbon.reference.definitions import read_reference
from prescarbon.store.layouts import recognise, to_prescribing
from prescarbon.tables.opportunities import OPPORTUNITIES

pytestmark = pytest.mark.real
MONTHS = ("201709", "201710")
LAST = date(2017, 10, 1)
VENTOLIN, SALAMOL = "0301011R0BEAIAP", "0301011R0BIAFAP"
# people registered on 1 October 2017: gp-reg-pat-prac-quin-age, all ages and sexes
LISTS = {"B85010": 6951, "B85054": 10510, "L84018": 6639, "L84073": 4176}
# inhalers over the two months, added from the rows on paper: SABA, then ICS and ICS/LABA
RELIEVERS = {"B85010": 675, "B85054": 1032, "L84018": 544, "L84073": 381}
PREVENTERS = {"B85010": 147 + 351, "B85054": 202 + 691, "L84018": 136 + 350, "L84073": 147 + 218}
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
    months = []
    for month in MONTHS:
        raw = pl.read_csv(gzip.decompress((real / "epd-2017" / f"epd_{month}.csv.gz").read_bytes()), infer_schema=False)
        months.append(to_prescribing(raw, recognise(raw.columns, month)))
    reference = read_reference()
    switches = reference.switches
    factors = reference.factors("harmonised", "AR6", {})
    reduced = reduce_to_activity(pl.concat(months).lazy())
    activity = read_quantities(reduced, reference.products, reference.not_inhalers).collect().lazy()
    footprint = estimate_footprint(activity, reference.products, factors, reference.spend(), base_prices(activity))
    footprint = footprint.collect().lazy()
    members = pl.LazyFrame({"practice_code": list(LISTS), "patients": list(LISTS.values()), "everyone": ["all"] * 4})
    options = OpportunityOptions(
        period_start=date(2017, 9, 1), period_end=LAST, read_on=date(2026, 11, 1), guards=switches.guards,
        draws=tabulate_draws(factors, reference.error_parts(), month=LAST, seed=1, draws=200),
    )  # fmt: skip
    volumes = sum_volumes(footprint, options).collect().lazy()
    claims = claim_units(
        switches.rules, volumes, reference.products, factors, switches.formulary, members, options
    ).collect()
    lines = find_opportunities(claims.lazy(), volumes, switches.rules, footprint, reference.products, options).collect()
    icb = roll_up(lines.lazy(), members, "everyone", options, claims.lazy()).collect()
    in_force = factors.filter(pl.lit(LAST).is_between("valid_from", "valid_to")).select("key", "kg_co2e").collect()
    return World(lines, icb, claims, dict(in_force.iter_rows()))


def lower_quartile(four: Mapping[str, float]) -> float:
    """Of four values: three quarters of the way from the smallest to the next."""
    first, second, *_ = sorted(four.values())
    return first + 0.75 * (second - first)


def needless(practice: str) -> float:
    """Relievers above the peers by share and by list: the smaller of the two, and never less than nought."""
    share = lower_quartile({p: RELIEVERS[p] / (RELIEVERS[p] + PREVENTERS[p]) for p in LISTS})
    a_list = lower_quartile({p: RELIEVERS[p] / LISTS[p] for p in LISTS})
    by_share = RELIEVERS[practice] - share / (1 - share) * PREVENTERS[practice]
    return max(0.0, min(by_share, RELIEVERS[practice] - a_list * LISTS[practice]))


def test_the_reliever_line_comes_first_where_it_stands_above_the_peers(world):
    # 57.0 of 675 relievers at B85010 (by list) and 49.7 of 1,032 (by share) at B85054; the other two stand at or below the quartile
    assert [round(needless(p), 1) for p in LISTS] == [57.0, 49.7, 0.0, 0.0]
    for practice in ("B85010", "B85054"):
        assert world.ranked(practice)[0] == "TR02"
        got = world.of(practice, "TR02")
        assert got["units"] == RELIEVERS[practice]
        mine = world.claims.filter((pl.col("practice_code") == practice) & (pl.col("rule_id") == "TR02"))
        kg_of_all = sum(units * world.kg[code] for code, units in mine.select("from_code", "units").iter_rows())
        assert float(got["kg_to_peer"]) == pytest.approx(needless(practice) / RELIEVERS[practice] * kg_of_all, rel=1e-6)
    for practice in ("L84018", "L84073"):
        assert world.of(practice, "TR02")["gate_reason"] == "at or below the peers' lower quartile"


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
    assert float(got["kg_to_peer"]) == pytest.approx(above * saved, abs=1e-3)
    assert got["kg_to_peer_low"] < got["kg_to_peer"] < got["kg_to_peer_high"]
    assert 0 < got["rank_stability"] <= 1
    # it prescribes no Salamol, so the price is that of the four: £48.18 for 33; its own 196 Ventolins cost £294.00
    assert got["price_basis"] == "area NIC"
    assert float(got["cost_change_theoretical_gbp"]) == pytest.approx(196 * 48.18 / 33 - 294.00, abs=0.005)
    assert float(got["cost_change_to_peer_gbp"]) == pytest.approx(above / 196 * (196 * 48.18 / 33 - 294.00), abs=0.005)


def test_ventolin_to_salamol_is_the_top_line_of_l84018(world):
    above = 95 - lower_quartile({p: VENTOLINS[p] / RELIEVERS[p] for p in LISTS}) * 544
    got = world.of("L84018", "BR01")
    assert world.ranked("L84018")[0] == "BR01"
    assert float(got["kg_to_peer"]) == pytest.approx(above * (world.kg[VENTOLIN] - world.kg[SALAMOL]), abs=1e-3)


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
    for scenario in ("theoretical", "expected", "to_peer"):
        counted = world.claims.group_by("practice_code", "from_code").agg(pl.col(f"counted_{scenario}").sum())
        assert counted[f"counted_{scenario}"].max() <= 1 + 1e-9
    kg = [c for c in OPPORTUNITIES.names if c.startswith("kg_")]
    assert world.lines.select(pl.col(kg).sum()).rows() == world.icb.select(pl.col(kg).sum()).rows()
    union = total_savings(world.icb.lazy()).collect()["kg_theoretical_counted"][0]
    alone = world.icb["kg_theoretical"].sum()
    assert Decimal(0) < union < alone
