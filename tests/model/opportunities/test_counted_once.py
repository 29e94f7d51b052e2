"""Properties of the union of all rules over random practices."""

from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from tests.model.switch_builders import (
    ALL_TARGETS,
    EASYHALER,
    SALAMOL,
    VENTOLIN,
    factors,
    footprint,
    lines,
    options,
    over_use,
    practices,
    products,
    rule,
)

world = st.lists(
    st.tuples(
        st.sampled_from(["P1", "P2", "P3", "P4", "P5"]),
        st.sampled_from([VENTOLIN, SALAMOL, EASYHALER, "0302000C0BPABBF", "0302000N0BDAABJ"]),
        st.integers(0, 400),
    ),
    min_size=1, max_size=15, unique_by=lambda row: row[:2],
)  # fmt: skip


FIVE = practices("P1", "P2", "P3", "P4", "P5")


shares = st.sampled_from([0.0, 0.1, 0.29, 0.6, 1.0])


def drawn(rows):
    return footprint("practice_code | bnf_code | devices\n" + "\n".join(f"{p} | {c} | {n}" for p, c, n in rows))


def pack(share_of_first: float = 0.3):
    return [
        over_use(achievable={"share": 0.05, "source": "s"}),
        rule(achievable={"share": share_of_first, "source": "s"}, peers={"pool": ["SABA"]}),
        rule(id="X2", order=22, to={"words": "E", "codes": [EASYHALER]}, achievable={"share": 0.29, "source": "s"},
             from_={"words": "v", "codes": [VENTOLIN, SALAMOL]}, peers={"pool": ["SABA"]}),
        rule(id="X3", family="227", from_={"words": "F", "codes": ["0302000N0BDAABJ"]}, to={"words": "S", "codes": ["0302000K0BDABAM"]},
             achievable={"share": 0.5, "source": "s"}),
    ]  # fmt: skip


def union(rules, rows, scenario):
    found = lines(rules, rows, FIVE)
    return found[f"kg_{scenario}_counted"].sum() or Decimal(0)


ROUNDING = Decimal("0.0001")  # a milligram a row and floats in between


@settings(max_examples=10, deadline=None)
@given(world, st.integers(0, 3), st.sampled_from(["theoretical", "attended", "to_peer"]))
def test_removing_a_rule_never_raises_the_total(rows, gone, scenario):
    rules = pack()
    fewer = [r for n, r in enumerate(rules) if n != gone]
    assert union(fewer, drawn(rows), scenario) <= union(rules, drawn(rows), scenario) + ROUNDING


@settings(max_examples=10, deadline=None)
@given(world, shares, shares)
def test_more_achievable_share_never_saves_less(rows, one, other):
    less, more = (union(pack(s), drawn(rows), "attended") for s in sorted([one, other]))
    assert less <= more + ROUNDING


@settings(max_examples=10, deadline=None)
@given(world)
def test_the_union_never_saves_more_than_the_inhalers_emit(rows):
    emits = {VENTOLIN: 28, SALAMOL: 12, EASYHALER: 0.6, "0302000C0BPABBF": 17, "0302000N0BDAABJ": 36}
    total = sum(n * emits[code] for _, code, n in rows)
    found = lines(pack(), drawn(rows), FIVE)
    for scenario in ("theoretical", "attended", "to_peer"):
        counted = found[f"kg_{scenario}_counted"].sum() or Decimal(0)
        assert float(counted) <= total + 1e-3
        alone = found[f"kg_{scenario}"].sum() or Decimal(0)
        assert counted <= alone + ROUNDING


@settings(max_examples=8, deadline=None)
@given(world, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows, shuffle):
    first = lines(pack(), drawn(rows), FIVE)
    again = list(rows)
    shuffle.shuffle(again)
    assert lines(pack(), drawn(again), FIVE).equals(first)


@settings(max_examples=10, deadline=None)
@given(world, shares)
def test_no_unit_is_counted_twice_and_no_rule_counts_more_than_it_claims(rows, share):
    """Over all rules of a practice's product the counted shares are at most the whole: the union never exceeds the units."""
    chose = options()
    volumes = sum_volumes(drawn(rows), chose).collect().lazy()
    claims = claim_units(pack(share), volumes, products(), factors(), ALL_TARGETS, FIVE, chose).collect()
    for scenario in ("theoretical", "attended", "to_peer"):
        counted, claimed = pl.col(f"counted_{scenario}"), pl.col(f"share_{scenario}").fill_null(0.0)
        assert claims.filter((counted < -1e-9) | (counted > claimed + 1e-9)).is_empty()
        by_product = claims.group_by("practice_code", "from_code").agg(counted.sum())
        assert by_product.filter(counted > 1 + 1e-9).is_empty()


@settings(max_examples=10, deadline=None)
@given(world, shares)
def test_what_those_who_attend_could_change_is_never_more_than_the_peers_reach_nor_that_than_all_of_it(rows, share):
    found = lines(pack(share), drawn(rows), FIVE)
    for more, less in (("theoretical", "to_peer"), ("to_peer", "attended"), ("theoretical", "attended")):
        most, least = pl.col(f"kg_{more}"), pl.col(f"kg_{less}")
        assert found.filter(least > most).is_empty()
        assert found.filter(pl.col(f"kg_{less}_counted") > least + ROUNDING).is_empty()
    # and so it adds up: nothing is claimed for a practice that cannot be compared where others can
    ordered = found.group_by("rule_id").agg(pl.col("kg_theoretical", "kg_to_peer", "kg_attended").sum())
    is_compared = pl.col("kg_to_peer") > 0
    assert ordered.filter(is_compared & (pl.col("kg_attended") > pl.col("kg_to_peer"))).is_empty()
