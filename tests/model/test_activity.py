from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.activity import in_force, presentation_names, read_quantities, reduce_to_activity
from prescarbon.model.footprint import count_devices, estimate_footprint
from prescarbon.model.sums import known_sum
from prescarbon.tables.prescribing import ACTIVITY, FOOTPRINT, PRESCRIBING, PRICES
from prescarbon.tables.products import FACTORS, PRODUCTS
from tests.frames import frame, rows_of

ALWAYS = {"valid_from": date(2010, 1, 1), "valid_to": date(9999, 12, 31), "source_id": "x", "is_reusable": False}
VENTOLIN, SPIRIVA, NEBULE, NEW, TABLET = (
    "0301011R0BEAIAP",
    "0301020Q0BBAAAA",
    "0301011R0AAAXAX",
    "0302000ZZZZZZZZ",
    "0303020G0AAABAB",
)
UNPRICED = "0301011R0BZAAAP"
TWENTY, FOURTEEN = "0301011V0BBAAAA", "0301011V0BBAABB"  # of 20 and of 14 doses: fewer than 20 are read as devices

PRODUCTS_HERE = rows_of(
    PRODUCTS,
    f"""
    bnf_code   | product_name | device_type | propellant | is_brand_known | doses_per_device | units_per_device | pack_price_gbp
    {VENTOLIN} | Ventolin     | pMDI        | HFA-134a   | true           | 200              | 1                | 1.50
    {SPIRIVA}  | Spiriva      | DPI         | none       | true           | 30               | 30               | 34.87
    {NEBULE}   | Salbutamol   | nebuliser   | none       | false          |                  |                  |
    {TWENTY}   | Twenty       | DPI         | none       | true           | 20               | 1                | 10.00
    {UNPRICED} | Unpriced     | pMDI        | HFA-134a   | true           | 200              | 1                |
    {FOURTEEN} | Fourteen     | DPI         | none       | true           | 14               | 1                | 10.00
    """,
    **ALWAYS,
)
NOT_INHALERS = pl.LazyFrame({"bnf_prefix": ["0303020"]})


def prescribing(text: str) -> pl.LazyFrame:
    return (
        rows_of(PRESCRIBING, text, month=date(2025, 6, 1), practice_code="K81001", presentation_name="p")
        .with_columns(total_quantity=pl.col("quantity") * pl.col("items"))
        .select(PRESCRIBING.names)
        .cast(PRESCRIBING.schema)
    )


def activity(text: str) -> pl.LazyFrame:
    return read_quantities(reduce_to_activity(prescribing(text)), PRODUCTS_HERE, NOT_INHALERS)


@pytest.mark.parametrize(
    ("code", "quantity", "items", "nic", "reads_as", "devices"),
    [
        (VENTOLIN, 2, 3, "9.00", "devices", 6.0),
        (VENTOLIN, 200, 1, "1.50", "doses", 1.0),  # 200 claimed for one 200-dose inhaler
        (VENTOLIN, 200, 3, "4.50", "doses", 3.0),  # 600 doses at £0.0075, three times the price of one inhaler
        (VENTOLIN, 200, 3, "900.00", "many devices", 600.0),  # 600 at £1.50, the price of an inhaler: 600 inhalers
        (
            VENTOLIN,
            200,
            1,
            "300.00",
            "many devices",
            200.0,
        ),  # 200 at £1.50: paid as 200, so counted as 200, and flagged
        (VENTOLIN, 200, 1, "149.99", "doses", 1.0),  # £0.74995: less than half an inhaler's price
        (VENTOLIN, 200, 1, "150.00", "many devices", 200.0),  # £0.75: just half of it
        (VENTOLIN, 200, 1, "", "doses", 1.0),  # no price, no witness: a whole number of inhalers of doses
        (VENTOLIN, 200, 1, "-300.00", "doses", 1.0),  # paid back: no price either
        (UNPRICED, 200, 1, "300.00", "doses", 1.0),  # no pack price to hold it against
        (VENTOLIN, 400, 2, "6.00", "doses", 4.0),
        (VENTOLIN, 100, 1, "0.75", "doses", 0.5),  # priced as doses though no whole inhaler
        (VENTOLIN, 100, 8, "9.00", "doses", 4.0),  # £0.01125 a unit, just 1.5 × £1.50 ÷ 200
        (VENTOLIN, 9, 1, "0.07", "devices", 9.0),  # priced as doses, but nine is not many
        (VENTOLIN, 9, 1, "13.50", "devices", 9.0),
        (VENTOLIN, 10, 1, "15.00", "many devices", 10.0),
        (VENTOLIN, 300, 1, "450.00", "many devices", 300.0),  # one and a half inhalers, paid as 300
        (TWENTY, 40, 1, "20.00", "doses", 2.0),
        (TWENTY, 40, 1, "400.00", "many devices", 40.0),  # £10 a unit, the price of an inhaler
        (FOURTEEN, 28, 1, "280.00", "many devices", 28.0),
        (SPIRIVA, 30, 2, "69.74", "capsules", 2.0),
        (SPIRIVA, 7, 1, "8.14", "capsules", 7 / 30),
        (SPIRIVA, 1, 1, "34.87", "packs", 1.0),
        (SPIRIVA, 9, 1, "313.83", "packs", 9.0),
        (SPIRIVA, 10, 1, "348.70", "capsules", 1 / 3),
        (SPIRIVA, 2, 1, "34.87", "packs", 2.0),  # a unit at just half a pack's price
        (SPIRIVA, 2, 1, "34.86", "capsules", 2 / 30),
        (NEBULE, 20, 1, "1.91", "not an inhaler", None),
        (TABLET, 28, 1, "1.00", "not an inhaler", None),
        (NEW, 1, 1, "10.00", "not known", None),
    ],
)
def test_a_quantity_is_read_by_what_the_product_and_the_price_say(code, quantity, items, nic, reads_as, devices):
    found = count_devices(
        activity(f"""
        bnf_code | quantity   | items   | nic_gbp
        {code}   | {quantity} | {items} | {nic}
        """),
        PRODUCTS_HERE,
    ).collect()
    assert found["reads_as"].to_list() == [reads_as]
    assert found["devices"].to_list() == [devices]


def test_a_suspect_row_stays_apart_and_nothing_is_dropped():
    found = activity(f"""
        bnf_code   | quantity | items | nic_gbp
        {VENTOLIN} | 1        | 71    | 106.50
        {VENTOLIN} | 200      | 1     | 1.50
    """).collect()
    assert found.select("reads_as", "items", "rows").rows() == [("devices", 71, 1), ("doses", 1, 1)]
    assert str(found["nic_gbp"].sum()) == "108.00"


def test_each_row_is_read_by_its_own_price():
    """200 at £0.80 are inhalers, at £0.0075 doses; a row without a price, or paid back, does not make the others cheap."""
    found = activity(f"""
        bnf_code   | quantity | items | nic_gbp
        {VENTOLIN} | 200      | 1     | 160.00
        {VENTOLIN} | 200      | 1     | 1.50
        {VENTOLIN} | 200      | 1     |
        {VENTOLIN} | 200      | 1     | -160.00
    """).collect()
    assert found.select("reads_as", "rows", "rows_without_nic", pl.col("nic_gbp").cast(pl.Float64)).rows() == [
        ("many devices", 1, 0, 160.0),
        ("doses", 3, 1, 1.5 - 160),
    ]


def test_quantities_of_bnf_0301_to_0303_stay_apart_and_others_do_not():
    codes = ["0212000B0AAABAB", "0301011R0BEAIAP", "0302000C0BPABBF", "0303020G0AAABAB", "0304010C0AAAAAA"]
    rows = "\n".join(f"{code} | {quantity} | 1 | 1.00" for code in codes for quantity in (1, 200))
    found = reduce_to_activity(prescribing(f"bnf_code | quantity | items | nic_gbp\n{rows}")).collect()
    apart = (
        found.group_by("bnf_code").agg(pl.col("quantity").drop_nulls().sort(), pl.col("rows").sum()).sort("bnf_code")
    )
    assert [(r["bnf_code"][:4], [int(q) for q in r["quantity"]], r["rows"]) for r in apart.to_dicts()] == [
        *(("0212", [], 2), ("0301", [1, 200], 2), ("0302", [1, 200], 2), ("0303", [1, 200], 2), ("0304", [], 2)),
    ]


def test_an_unknown_cost_stays_unknown():
    found = activity(f"""
        bnf_code   | quantity | items | nic_gbp
        {VENTOLIN} | 1        | 1     |
    """).collect()
    assert found.select("nic_gbp", "rows_without_nic").rows() == [(None, 1)]


GUT = "0212000B0AAABAB"


def prices(cost: str = "NIC", **of: float) -> pl.LazyFrame:
    """Table PRICES with the price of GUT."""
    rows = "\n".join(f"{globals()[name]} | {price} | {cost}" for name, price in of.items())
    return rows_of(PRICES, f"bnf_code | price_gbp | cost\n{rows}", price_from=date(2025, 6, 1), is_base=True)


def test_what_has_no_price_has_no_kilogram_and_actual_cost_says_so():
    acts = rows_of(
        ACTIVITY,
        f"""
        month      | practice_code | bnf_code  | reads_as       | items | total_quantity | nic_gbp
        2025-06-01 | K81001        | {GUT}     | not an inhaler | 1     | 28             |
        2025-06-01 | K81001        | 0402010AB | not an inhaler | 1     | 28             |
        """,
        rows=1,
    )
    found = estimate_footprint(acts, PRODUCTS_HERE, FACTORS_HERE, SPEND_HERE, prices("actual cost", GUT=0.5)).collect()
    assert found.select("bnf_code", pl.col("kg_co2e").cast(pl.Float64), "method", "factor_id").rows() == [
        (GUT, 28 * 0.5 * 0.21, "spend_actual_cost", "all"),
        ("0402010AB", None, "unknown", None),
    ]


def test_footprint_takes_the_factor_of_its_month_and_never_invents_one():
    acts = rows_of(
        ACTIVITY,
        f"""
        month      | practice_code | bnf_code        | reads_as       | items | total_quantity | nic_gbp
        2025-06-01 | K81001        | {VENTOLIN}      | devices        | 3     | 3              | 4.50
        2025-07-01 | K81001        | {VENTOLIN}      | devices        | 2     | 2              | 3.00
        2025-07-01 | K81001        | {SPIRIVA}       | capsules       | 1     | 30             | 34.87
        2025-07-01 | K81001        | 0212000B0AAABAB | not an inhaler | 1     | 28             | 10.00
        """,
        rows=1,
    )
    factors = rows_of(
        FACTORS,
        f"""
        factor_id | key_kind | key        | kg_low | kg_co2e | kg_high | valid_from | valid_to
        old       | product  | {VENTOLIN} | 25     | 28      | 30      | 2010-01-01 | 2025-06-30
        new       | class    | {VENTOLIN} | 10     | 12      | 14      | 2025-07-01 | 9999-12-31
        """,
    )
    spend = rows_of(
        FACTORS,
        """
        factor_id | key_kind | key | kg_low | kg_co2e | kg_high
        all       | spend    | 0   | 0.2    | 0.21    | 0.3
        gut       | spend    | 02  | 0.3    | 0.5     | 0.6
        """,
        **ALWAYS,
    )
    found = estimate_footprint(acts, PRODUCTS_HERE, factors, spend, prices(GUT=10 / 28)).collect()
    by = {(r["month"].month, r["bnf_code"]): r for r in found.to_dicts()}
    assert float(by[6, VENTOLIN]["kg_co2e"]) == 3 * 28
    assert float(by[7, VENTOLIN]["kg_co2e"]) == 2 * 12
    assert (by[7, VENTOLIN]["method"], by[7, VENTOLIN]["factor_id"]) == ("class", "new")
    assert (by[7, SPIRIVA]["kg_co2e"], by[7, SPIRIVA]["method"]) == (
        None,
        "unknown",
    )  # an inhaler never takes the spend factor
    assert float(by[7, "0212000B0AAABAB"]["kg_co2e"]) == 10 * 0.5  # the longest prefix
    assert found.columns == FOOTPRINT.names


def test_a_row_holds_on_its_first_and_on_its_last_day_and_on_no_other():
    """A month is its first day, so a row that ends on it holds in that month, and one that begins the day after does not."""
    dated = frame(
        """
        bnf_code | factor | valid_from | valid_to
        x        | one    | 2025-06-01 | 2025-07-01
        x        | two    | 2025-07-02 | 2025-08-31
        x        | three  | 2025-09-01 | 2025-09-30
        """,
        valid_from=pl.Date,
        valid_to=pl.Date,
    )
    months = [date(2025, m, 1) for m in range(5, 11)]
    found = in_force(pl.LazyFrame({"month": months, "bnf_code": ["x"] * 6}), dated).sort("month").collect()
    assert [(row["month"].month, row["factor"]) for row in found.to_dicts()] == [
        *((6, "one"), (7, "one"), (8, "two"), (9, "three")),
    ]


def test_a_factor_counts_kilograms_on_the_last_day_it_holds():
    acts = rows_of(
        ACTIVITY,
        f"""
        month      | practice_code | bnf_code   | reads_as | items | total_quantity | nic_gbp
        2025-07-01 | K81001        | {VENTOLIN} | devices  | 2     | 2              | 3.00
        2025-08-01 | K81001        | {VENTOLIN} | devices  | 2     | 2              | 3.00
        """,
        rows=1,
    )
    factors = rows_of(
        FACTORS,
        f"""
        factor_id | key_kind | key        | kg_low | kg_co2e | kg_high | valid_from | valid_to
        old       | product  | {VENTOLIN} | 25     | 28      | 30      | 2010-01-01 | 2025-07-01
        """,
    )
    found = estimate_footprint(acts, PRODUCTS_HERE, factors, FACTORS.empty(), PRICES.empty()).collect()
    assert found["kg_co2e"].cast(pl.Float64).to_list() == [2 * 28, None]  # nothing holds in August: unknown, not nought
    assert found["method"].to_list() == ["product", "unknown"]


def test_a_name_is_the_one_last_printed_and_the_first_in_the_alphabet_where_several_are():
    printed = pl.LazyFrame(
        [
            ("x", date(2025, 7, 1), "Ventolin 100"),
            ("x", date(2025, 8, 1), "Ventolin Evohaler 100"),
            ("x", date(2025, 8, 1), "Salbutamol (Ventolin)"),
            ("y", date(2025, 6, 1), "Old name"),
        ],
        schema=["bnf_code", "month", "presentation_name"],
        orient="row",
    )
    assert presentation_names(printed).collect().rows() == [("x", "Salbutamol (Ventolin)"), ("y", "Old name")]


rows = st.lists(
    st.tuples(
        st.sampled_from(["K81001", "K81002"]),
        st.sampled_from([VENTOLIN, SPIRIVA, "0212000B0AAABAB"]),
        st.sampled_from([1, 2, 30, 200]),
        st.integers(1, 9),
        st.none() | st.decimals("0.01", "99.99", places=2),
    ),
    min_size=1,
    max_size=30,
)


@given(rows, st.randoms(use_true_random=False))
def test_reduction_agrees_with_a_dictionary_and_not_with_row_order(drawn, rnd):
    slow: dict[tuple[str, str], list] = {}
    for practice, code, quantity, items, nic in drawn:
        sums = slow.setdefault((practice, code), [0, 0, None])
        sums[0] += items
        sums[1] += quantity * items
        sums[2] = sums[2] if nic is None else nic + (sums[2] or 0)
    rnd.shuffle(drawn)
    text = "practice_code | bnf_code | quantity | items | nic_gbp\n" + "\n".join(
        " | ".join("" if cell is None else str(cell) for cell in row) for row in drawn
    )
    reduced = reduce_to_activity(
        rows_of(PRESCRIBING, text, month=date(2025, 6, 1), presentation_name="p")
        .with_columns(total_quantity=pl.col("quantity") * pl.col("items"))
        .cast(PRESCRIBING.schema)
    )
    found = read_quantities(reduced, PRODUCTS_HERE, NOT_INHALERS).collect()
    by_code = found.group_by("practice_code", "bnf_code").agg(
        pl.col("items", "total_quantity").sum(), known_sum("nic_gbp")
    )
    assert {(p, c): [i, int(q), n] for p, c, i, q, n in by_code.iter_rows()} == slow
    assert found["rows"].sum() == len(drawn)


def test_frames_drawn_as_tables_keep_their_empty_cells():
    assert frame("a | b\n1 | ").collect().rows() == [("1", None)]


FACTORS_HERE = rows_of(
    FACTORS,
    f"""
    factor_id | key_kind | key        | kg_low | kg_co2e | kg_high
    v         | product  | {VENTOLIN} | 25     | 28      | 30
    s         | product  | {SPIRIVA}  | 0.2    | 0.3     | 1.4
    """,
    **ALWAYS,
)
SPEND_HERE = rows_of(
    FACTORS,
    """
    factor_id | key_kind | key | kg_low | kg_co2e | kg_high
    all       | spend    | 0   | 0.2    | 0.21    | 0.3
    """,
    **ALWAYS,
)


def footprint_of(drawn: list[tuple]) -> pl.DataFrame:
    """The footprint of (practice, code, quantity, items, NIC) rows, priced at one fixed list."""
    text = "practice_code | bnf_code | quantity | items | nic_gbp\n" + "\n".join(" | ".join(map(str, r)) for r in drawn)
    acts = read_quantities(reduce_to_activity(prescribing(text)), PRODUCTS_HERE, NOT_INHALERS)
    return estimate_footprint(acts, PRODUCTS_HERE, FACTORS_HERE, SPEND_HERE, prices(GUT=0.05)).collect()


whole = st.lists(
    st.tuples(
        st.sampled_from(["K81001", "K81002"]),
        st.sampled_from([VENTOLIN, SPIRIVA, "0212000B0AAABAB"]),
        st.sampled_from([1, 2, 30, 200]),
        st.integers(1, 9),
        st.just("9.00"),
    ),
    min_size=1,
    max_size=15,
)


@given(whole)
def test_twice_the_rows_are_twice_the_devices_and_kilograms(drawn):
    one, two = footprint_of(drawn), footprint_of(drawn + drawn)
    for column in ("items", "nic_gbp", "devices", "kg_low", "kg_co2e", "kg_high"):
        assert two[column].cast(pl.Float64).to_list() == pytest.approx(
            (one[column].cast(pl.Float64) * 2).to_list(), abs=2e-6
        )


@given(whole)
def test_low_is_never_above_the_centre_nor_the_centre_above_high(drawn):
    found = footprint_of(drawn)
    assert (found["kg_low"] <= found["kg_co2e"]).all()
    assert (found["kg_co2e"] <= found["kg_high"]).all()


@given(whole, st.randoms(use_true_random=False))
def test_reordering_or_splitting_rows_changes_no_byte_of_the_footprint(drawn, rnd):
    """A row of n items split into n rows of one: the same quantities, the same kilograms; only the row count differs."""
    split = [(p, c, q, 1, "1.00") for p, c, q, items, _ in drawn for _ in range(items)]
    joined = [(p, c, q, items, f"{items}.00") for p, c, q, items, _ in drawn]
    rnd.shuffle(split)
    assert footprint_of(split).drop("rows").equals(footprint_of(joined).drop("rows"))


@given(whole)
def test_practices_add_up_to_the_whole_to_the_last_milligram(drawn):
    found = footprint_of(drawn)
    parts = found.group_by("practice_code").agg(pl.col("kg_co2e").sum())
    assert parts["kg_co2e"].sum() == found["kg_co2e"].sum()
