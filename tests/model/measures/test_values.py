import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prescarbon.errors import DefinitionError
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.values import run_measures
from prescarbon.reference.definitions import read_reference
from prescarbon.reference.files import Files
from prescarbon.reference.measures import read_measures
from prescarbon.tables.measures import MEASURE_VALUES
from prescarbon.tables.organisations import LIST_SIZES
from prescarbon.tables.prescribing import FOOTPRINT
from prescarbon.tables.products import PRODUCTS
from tests.frames import frame, rows_of
from tests.parsed import parse_measure

REFERENCE = Path(__file__).resolve().parents[3] / "reference"
MEASURES = {m.id: m for m in read_reference(REFERENCE).measures}
ALWAYS = {"valid_from": date(2000, 1, 1), "valid_to": date(9999, 12, 31), "source_id": "test", "units_per_device": 1}
JUNE = date(2025, 6, 1)

# Ventolin Evohaler, Salamol, Easyhaler salbutamol; Clenil 250, Fostair 100, Seretide 500 Accuhaler; Trimbow;
# Atectura (30 capsules a pack); Spiriva Respimat and its refill; Trixeo; generic salbutamol
PRODUCT_ROWS = rows_of(
    PRODUCTS,
    """
    bnf_code        | product_name | drug_class | device_type | propellant | is_brand_known | is_reusable | units_per_device | doses_per_device
    0301011R0BEAIAP | Ventolin     | SABA       | pMDI        | HFA-134a   | true  | false | 1  | 200
    0301011R0BIAHAP | Salamol      | SABA       | pMDI        | HFA-134a   | true  | false | 1  | 200
    0301011R0BZAAAP | AirSalb      | SABA       | pMDI        | HFA-134a   | true  | false | 1  | 200
    0301011R0BWAABZ | Easyhaler    | SABA       | DPI         | none       | true  | false | 1  | 200
    0301011R0AAAPAP | salbutamol   | SABA       | pMDI        | HFA-134a   | false | false | 1  | 200
    0301011R0NEBULE | nebules      | SABA       | nebuliser   | none       | true  | false |    |
    0302000C0BPADBW | Clenil 250   | ICS        | pMDI        | HFA-134a   | true  | false | 1  | 200
    0302000ABBCAAAB | Fostair 100  | ICS/LABA   | pMDI        | HFA-134a   | true  | false | 1  | 120
    0302000ABAAABAB | bdp/form 100 | ICS/LABA   | pMDI        | HFA-134a   | false | false | 1  | 120
    0302000N0BCACAZ | Seretide 500 | ICS/LABA   | DPI         | none       | true  | false | 1  | 60
    0302000AABBAAAA | Trimbow      | triple     | pMDI        | HFA-134a   | true  | false | 1  | 120
    0302000X0BBACAC | Atectura     | ICS/LABA   | DPI         | none       | true  | false | 30 |
    0301020Q0BBACAC | Respimat     | LAMA       | SMI         | none       | true  | false | 1  | 60
    0301020Q0BBADAE | Respimat ref | LAMA       | SMI         | none       | true  | true  | 1  | 60
    0302000Y0BBAAAA | Trixeo       | triple     | pMDI        | HFO-1234ze | true  | false | 1  | 120
    """,
    **ALWAYS,
)


def footprint(text: str, **others: object) -> pl.LazyFrame:
    """FOOTPRINT rows: devices are the quantity and kg_low, kg_high 0.5 and 2 times kg_co2e unless drawn."""
    given_columns = frame(text).collect_schema().names()
    defaults = {"month": JUNE, "practice_code": "A", "reads_as": "devices", "rows": 1, "method": "product"} | others
    rows = rows_of(FOOTPRINT, text, **{k: v for k, v in defaults.items() if k not in given_columns})
    kg = pl.col("kg_co2e").cast(pl.Float64)
    return rows.with_columns(
        devices=pl.when(pl.col("reads_as").is_in(["devices", "capsules"])).then(
            pl.coalesce("devices", pl.col("total_quantity").cast(pl.Float64))
        ),
        kg_low=(kg * 0.5).cast(FOOTPRINT.schema["kg_low"]),
        kg_high=(kg * 2).cast(FOOTPRINT.schema["kg_high"]),
    )


def members(*practices: str, icb: str = "QHG", setting: str = "GP practice", months: tuple[date, ...] = (JUNE,)):
    return pl.LazyFrame(
        [
            (p, month, code, level, setting, True)
            for month in months
            for p in practices
            for code, level in ((p, "practice"), (icb, "icb"))
        ],
        schema=["practice_code", "month", "organisation_code", "level", "setting", "is_due"],
        orient="row",
    )


def period(start: date = JUNE, end: date = JUNE) -> pl.LazyFrame:
    return pl.LazyFrame({"period_start": [start], "period_end": [end]})


def lists(**patients: int) -> pl.LazyFrame:
    rows = [(p, JUNE, n, False) for p, n in patients.items()]
    return pl.LazyFrame(rows, schema=LIST_SIZES.schema, orient="row")


def run(ids, rows, memberships=None, list_sizes=None, periods=None) -> dict:
    measures = [MEASURES[i] if isinstance(i, str) else i for i in ids]
    memberships = members("A") if memberships is None else memberships
    list_sizes = LIST_SIZES.empty() if list_sizes is None else list_sizes
    values = run_measures(
        measures, rows, PRODUCT_ROWS, memberships, list_sizes, period() if periods is None else periods
    )
    return {
        (r["organisation_code"], r["measure_id"]): r
        for r in MEASURE_VALUES.admit(values).collect().iter_rows(named=True)
    }


def one(measure: str, rows: pl.LazyFrame, **others) -> dict:
    return run([measure], rows, **others)["A", measure]


# measure → rows, numerator, denominator, value; the arithmetic stays visible
WORKED = {
    "carbon_salbutamol": (
        """
        bnf_code        | items | total_quantity
        0301011R0BEAIAP | 3     | 4
        0301011R0BIAHAP | 1     | 2
        0301011R0BWAABZ | 1     | 1
        0301011R0AAAPAP | 2     | 10
        0301011R0BZAAAP | 5     | 50
        """,
        Decimal("28.26") * 4 + Decimal("11.95") * 2 + Decimal("0.62") + Decimal("25.24") * 10,  # AirSalb is not listed
        4 + 2 + 1 + 10,
    ),
    "environmental_inhalers": (
        """
        bnf_code        | items | total_quantity
        0301011R0BEAIAP | 9     | 9
        0302000C0BPADBW | 3     | 30
        0302000N0BCACAZ | 2     | 2
        0301020Q0BBACAC | 1     | 1
        0302000X0BBACAC | 4     | 120
        """,
        3,  # salbutamol is out, top and bottom; capsules are powder
        3 + 2 + 1 + 4,
    ),
    "saba": (
        """
        bnf_code        | items | total_quantity
        0301011R0BEAIAP | 3     | 4
        0301011R0NEBULE | 2     | 40
        0302000C0BPADBW | 3     | 5
        0302000AABBAAAA | 9     | 9
        0302000X0BBACAC | 2     | 90
        """,
        4,  # no nebules
        4 + 5 + 90 // 30,  # no triple; 45 capsules an item are packs of 30
    ),
    "icsdose": (
        """
        bnf_code        | items | total_quantity
        0302000C0BPADBW | 3     | 3
        0302000N0BCACAZ | 2     | 2
        0302000ABBCAAAB | 4     | 4
        0302000AABBAAAA | 1     | 1
        0301020Q0BBACAC | 9     | 9
        """,
        3 + 2,
        3 + 2 + 4 + 1,
    ),
    "air_mart_inhalers": (
        """
        bnf_code        | items | total_quantity
        0302000C0BPADBW | 3     | 3
        0302000N0BCACAZ | 2     | 3
        0302000ABBCAAAB | 4     | 6
        0302000AABBAAAA | 1     | 1
        0302000X0BBACAC | 1     | 30
        """,
        3 + 3 + 1,
        3 + 3 + 6 + 1,
    ),
    "kg_inhalers": (
        """
        bnf_code        | items | total_quantity | kg_co2e | reads_as       | method
        0301011R0BEAIAP | 3     | 4              | 112     | devices        | product
        0302000N0BCACAZ | 2     | 2              | 1.5     | devices        | class
        0301999X0BBAAAA | 5     | 5              |         | not known      | unknown
        0601022B0AAABAB | 7     | 392            | 4       | not an inhaler | spend
        """,
        Decimal("113.5"),
        None,
    ),
    "kg_per_inhaler": (
        """
        bnf_code        | items | total_quantity | kg_co2e
        0301011R0BEAIAP | 3     | 4              | 112
        0302000N0BCACAZ | 2     | 2              | 1.5
        0302000C0BPADBW | 5     | 5              |
        """,
        Decimal("113.5"),
        4 + 2,  # no factor: neither above nor below
    ),
    "kg_by_device_pmdi": (
        """
        bnf_code        | items | total_quantity | kg_co2e
        0301011R0BEAIAP | 3     | 4              | 112
        0302000N0BCACAZ | 2     | 2              | 1.5
        """,
        112,
        None,
    ),
    "kg_by_propellant_hfo_1234ze": (
        """
        bnf_code        | items | total_quantity | kg_co2e
        0301011R0BEAIAP | 3     | 4              | 112
        0302000Y0BBAAAA | 2     | 2              | 2.25
        """,
        Decimal("2.25"),
        None,
    ),
    "known_brand_carbon_share": (
        """
        bnf_code        | items | total_quantity | kg_co2e
        0301011R0BEAIAP | 3     | 4              | 112
        0301011R0AAAPAP | 2     | 2              | 28
        """,
        112,
        140,
    ),
    "spacers_per_pmdi": (
        """
        bnf_code        | items | total_quantity | reads_as
        21010230102     | 1     | 1              | not an inhaler
        21010230115     | 1     | 2              | not an inhaler
        21010230135     | 1     | 9              | not an inhaler
        0301011R0BEAIAP | 3     | 4              | devices
        0302000N0BCACAZ | 2     | 2              | devices
        """,
        3,  # a muscle trainer (…135) is no spacer
        4,
    ),
    "low_carbon_pmdi_share": (
        """
        bnf_code        | items | total_quantity
        0302000Y0BBAAAA | 3     | 3
        0301011R0BIAHAP | 5     | 9
        0302000N0BCACAZ | 2     | 2
        """,
        3,
        3 + 9,
    ),
    "reusable_device_share": (
        """
        bnf_code        | items | total_quantity
        0301020Q0BBACAC | 3     | 3
        0301020Q0BBADAE | 1     | 2
        0301011R0BEAIAP | 5     | 9
        """,
        2,
        3 + 2,
    ),
    "insulin_disposable_pen_share": (
        """
        bnf_code        | items | total_quantity | reads_as
        0601012V0BBAEAD | 2     | 10             | not an inhaler
        0601012V0BBAAAA | 1     | 5              | not an inhaler
        0601012V0BZAAAD | 1     | 5              | not an inhaler
        0601012V0BBABAB | 4     | 4              | not an inhaler
        """,
        10 + 5,  # Lantus SoloStar, and a brand yet unlisted of the same generic pen
        10 + 5 + 5,  # with Lantus cartridges; a vial is neither
    ),
    "kg_medicines": (
        """
        bnf_code        | items | total_quantity | kg_co2e | reads_as       | method
        0601022B0AAABAB | 7     | 392            | 4.125   | not an inhaler | spend
        0301011R0BEAIAP | 3     | 4              | 112     | devices        | product
        """,
        Decimal("4.125"),
        None,
    ),
}


@pytest.mark.parametrize("measure", WORKED)
def test_worked_by_hand(measure):
    text, numerator, denominator = WORKED[measure]
    row = one(measure, footprint(text))
    assert (row["numerator"], row["denominator"]) == (numerator, denominator)
    assert row["value"] == pytest.approx(float(numerator) / float(denominator or 1))


def test_every_measure_is_worked_by_hand_here():
    other_values_of_a_split = {i for i in MEASURES if i.startswith(("kg_by_device_", "kg_by_propellant_"))}
    assert set(MEASURES) - other_values_of_a_split - set(WORKED) == {"kg_inhalers_per_1000", "saba_per_1000"}


def test_rates_per_1000_people_leave_out_practices_without_a_list_and_coverage_says_so():
    rows = footprint("""
        practice_code | bnf_code        | items | total_quantity | kg_co2e
        A             | 0301011R0BEAIAP | 3     | 4              | 112
        B             | 0301011R0BEAIAP | 1     | 1              | 28
    """)
    found = run(["kg_inhalers_per_1000", "saba_per_1000"], rows, members("A", "B"), lists(A=2000))
    icb = found["QHG", "kg_inhalers_per_1000"]
    assert (icb["numerator"], icb["denominator"], icb["value"]) == (112, 2000, 56.0)
    assert (icb["low"], icb["high"], icb["coverage"]) == (28.0, 112.0, 0.75)
    assert found["QHG", "saba_per_1000"]["value"] == 2.0
    assert found["B", "saba_per_1000"]["value"] is None


def test_people_are_the_mean_list_of_the_months_loaded():
    july = date(2025, 7, 1)
    rows = footprint("""
        month      | bnf_code        | items | total_quantity
        2025-06-01 | 0301011R0BEAIAP | 3     | 4
        2025-07-01 | 0301011R0BEAIAP | 3     | 5
    """)
    sizes = pl.concat([lists(A=1000), lists(A=2000).with_columns(month=july)])
    row = one(
        "saba_per_1000",
        rows,
        memberships=members("A", months=(JUNE, july)),
        list_sizes=sizes,
        periods=period(JUNE, july),
    )
    assert (row["denominator"], row["value"]) == (1500, 6.0)


def test_published_measures_count_gp_practices_alone_and_ours_count_all():
    rows = footprint("""
        practice_code | bnf_code        | items | total_quantity | kg_co2e
        A             | 0301011R0BEAIAP | 3     | 4              | 112
        H             | 0301011R0BEAIAP | 6     | 8              | 224
    """)
    both = pl.concat([members("A"), members("H", setting="other")])
    found = run(["carbon_salbutamol", "kg_inhalers"], rows, both)
    assert found["QHG", "carbon_salbutamol"]["denominator"] == 4
    assert found["QHG", "kg_inhalers"]["numerator"] == 336


def test_doses_claimed_as_inhalers_are_divided_for_all_england_alone():
    """England's mean decides, and part of England does not know it."""
    few = footprint("bnf_code | items | total_quantity\n0301011R0BEAIAP | 1 | 200")
    assert one("saba", few)["numerator"] == 200
    names = pl.LazyFrame({"practice_code": [f"P{i}" for i in range(5000)]})
    england = few.drop("practice_code").join(names, how="cross").select(FOOTPRINT.names)
    at_p0 = members("P0")
    found = {n: run(["saba"], england.head(n), at_p0)["P0", "saba"]["numerator"] for n in (4999, 5000)}
    assert found == {4999: 200, 5000: 1}


def test_a_mean_of_nine_an_item_is_not_yet_many():
    nine, ten = (footprint(f"bnf_code | items | total_quantity\n0302000X0BBACAC | 2 | {n}") for n in (18, 20))
    assert one("saba", nine)["denominator"] == 18
    assert one("saba", ten)["denominator"] == Decimal("0.666667")  # 20 capsules are two thirds of a pack of 30


def test_a_new_brand_follows_its_generic_and_an_unknown_code_counts_nowhere():
    rows = footprint("""
        bnf_code        | items | total_quantity
        0302000ABBZZZAB | 4     | 6
        0302000N9BBAAAA | 9     | 9
    """)
    assert one("environmental_inhalers", rows)["denominator"] == 4
    mart = one("air_mart_inhalers", rows)
    assert (mart["numerator"], mart["denominator"], mart["value"]) == (0, 6, 0.0)


def test_a_code_is_read_by_the_product_of_its_month():
    turned = PRODUCT_ROWS.filter(pl.col("product_name") == "Trixeo").with_columns(
        propellant=pl.lit("HFA-134a").cast(PRODUCTS.schema["propellant"]), valid_to=pl.lit(date(2025, 6, 30))
    )
    now = PRODUCT_ROWS.filter(pl.col("product_name") == "Trixeo").with_columns(valid_from=pl.lit(date(2025, 7, 1)))
    rows = footprint("""
        month      | bnf_code        | items | total_quantity
        2025-06-01 | 0302000Y0BBAAAA | 3     | 3
        2025-07-01 | 0302000Y0BBAAAA | 3     | 5
    """)
    july = date(2025, 7, 1)
    values = run_measures(
        [MEASURES["low_carbon_pmdi_share"]],
        rows,
        pl.concat([turned, now]),
        members("A", months=(JUNE, july)),
        LIST_SIZES.empty(),
        pl.concat([period(), period(july, july), period(JUNE, july)]),
    ).collect()
    icb = values.filter(pl.col("level") == "icb").sort("period_end", "period_start", descending=[False, True])
    assert icb["value"].to_list() == [0.0, 1.0, 5 / 8]


def test_nothing_over_nothing_is_null_and_unknown_kilograms_are_never_zero():
    rows = footprint("""
        bnf_code        | items | total_quantity | kg_co2e
        0302000C0BPADBW | 5     | 5              |
    """)
    found = run(["carbon_salbutamol", "kg_inhalers", "kg_by_device_dpi", "kg_per_inhaler"], rows)
    assert found["A", "carbon_salbutamol"]["value"] is None
    assert (found["A", "kg_inhalers"]["numerator"], found["A", "kg_inhalers"]["coverage"]) == (None, 0.0)
    assert found["A", "kg_by_device_dpi"]["numerator"] == 0  # no such inhaler: a true zero
    assert found["A", "kg_per_inhaler"]["value"] is None


def test_coverage_low_and_high_are_of_kilograms_alone():
    rows = footprint("""
        bnf_code        | items | total_quantity | kg_co2e | reads_as
        0301011R0BEAIAP | 3     | 4              | 112     | devices
        0301999X0BBAAAA | 1     | 1              |         | not known
    """)
    found = run(["kg_inhalers", "saba", "known_brand_carbon_share"], rows)
    kg = found["A", "kg_inhalers"]
    assert (kg["low"], kg["value"], kg["high"], kg["coverage"]) == (56.0, 112.0, 224.0, 0.75)
    assert [found["A", "saba"][c] for c in ("low", "high", "coverage")] == [None, None, None]
    share = found["A", "known_brand_carbon_share"]
    assert (share["low"], share["high"], share["coverage"]) == (None, None, 0.75)


@pytest.mark.parametrize(
    ("quantity", "months", "gate"),
    [
        (1200, 12, "ranked"),
        (1200, 11, "shown"),
        (100, 12, "ranked"),
        (99, 12, "shown"),
        (25, 12, "shown"),
        (24, 12, "listed"),
    ],
)
def test_gates(quantity, months, gate):
    all_months = tuple(date(2025, m, 1) for m in range(1, months + 1))
    rows = footprint(
        "month | bnf_code | items | total_quantity\n"
        + "\n".join(f"{m} | 0301011R0BEAIAP | {quantity} | {quantity if m == all_months[0] else 0}" for m in all_months)
    )
    row = one(
        "saba", rows, memberships=members("A", months=all_months), periods=period(date(2025, 1, 1), date(2025, 12, 1))
    )
    assert row["gate"] == gate


def test_a_rate_on_a_short_list_is_listed():
    rows = footprint("bnf_code | items | total_quantity | kg_co2e\n0301011R0BEAIAP | 300 | 400 | 11200")
    assert one("kg_inhalers_per_1000", rows, list_sizes=lists(A=749))["gate"] == "listed"
    assert one("kg_inhalers_per_1000", rows, list_sizes=lists(A=750))["gate"] == "shown"


def test_a_practice_may_sit_under_many_levels_and_another_icb_next_month():
    july = date(2025, 7, 1)
    rows = footprint("""
        month      | bnf_code        | items | total_quantity
        2025-06-01 | 0301011R0BEAIAP | 3     | 4
        2025-07-01 | 0301011R0BEAIAP | 3     | 5
    """)
    moved = pl.concat([members("A"), members("A", icb="QUE", months=(july,))])
    found = run(["saba"], rows, moved, periods=period(JUNE, july))
    assert [found[o, "saba"]["numerator"] for o in ("A", "QHG", "QUE")] == [9, 4, 5]


rows_strategy = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from(
            ["0301011R0BEAIAP", "0302000C0BPADBW", "0302000N0BCACAZ", "0302000X0BBACAC", "0301999X0BBAAAA"]
        ),
        st.integers(1, 50),
        st.decimals(0, 900, places=3),
        st.none() | st.decimals(0, 900, places=6),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda r: (r[0], r[1]),
)


@settings(max_examples=15, deadline=None)
@given(rows_strategy, st.randoms(use_true_random=False))
def test_practices_add_up_to_their_icb_in_any_order(rows, rnd):
    def values(given_rows):
        text = "\n".join(f"{p} | {c} | {i} | {q} | {'' if k is None else k}" for p, c, i, q, k in given_rows)
        return run(
            list(MEASURES),
            footprint(f"practice_code | bnf_code | items | total_quantity | kg_co2e\n{text}"),
            members("A", "B", "C"),
            lists(A=1000, B=2000, C=3000),
        )

    found = values(rows)
    for measure in MEASURES:
        for side in ("numerator", "denominator"):
            parts = [found[p, measure][side] for p in "ABC"]
            whole = found["QHG", measure][side]
            known = sum(x for x in parts if x is not None)
            # unknown in one practice and nothing in the others is unknown together
            assert whole == known or (whole is None and None in parts and known == 0)
    rnd.shuffle(rows)
    assert values(rows) == found


# definitions: a wrong one fails at load with file, key and reason

GOOD = {
    "id": "x",
    "title": "t",
    "asks": "a?",
    "unit": "items",
    "direction": "lower",
    "windows": [12],
    "source_id": "s",
    "vintage": date(2026, 1, 1),
    "label": "own",
    "gates": {"ranked": 100, "shown": 25, "months": 12},
    "numerator": {"sum": "items", "where": {"bnf_prefix": ["0301"]}},
}
LISTS = {
    "good.csv": pl.DataFrame({"bnf_code": ["0301011R0BEAIAP"], "weight": ["28.26"]}),
    "twice.csv": pl.DataFrame({"bnf_code": ["A", "A"]}),
    "words.csv": pl.DataFrame({"bnf_code": ["A"], "weight": ["heavy"]}),
    "bare.csv": pl.DataFrame({"code": ["A"]}),
}


def where(**conditions: object) -> dict:
    return {"numerator": {"sum": "items", "where": conditions}}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"title": " "}, "title"),
        ({"direction": "up"}, "direction"),
        ({"vintage": "2026"}, "vintage"),
        ({"scale": 0}, "scale"),
        ({"windows": []}, "windows"),
        ({"settings": ["hospital"]}, "settings"),
        ({"settings": []}, "settings"),
        ({"numerator": {"sum": "cost", "where": {"bnf_prefix": ["03"]}}}, "numerator.sum"),
        ({"numerator": {"sum": "patients"}}, "numerator.sum"),
        ({"numerator": {"sum": "items"}}, "numerator.where"),
        ({"numerator": {"sum": "items", "where": []}}, "numerator.where"),
        ({"numerator": {"sum": "items", "where": [{}]}}, "numerator.where"),
        ({"numerator": {"sum": "items", "where": "all"}}, "numerator.where"),
        ({"numerator": {"sum": "items", "wher": {}}}, "numerator.where"),
        (where(device_type=["pmdi"]), "numerator.where.device_type"),
        (where(device_type=[]), "numerator.where.device_type"),
        (where(shape=["round"]), "numerator.where.shape"),
        (where(is_reusable="yes"), "numerator.where.is_reusable"),
        (where(not_is_reusable=True), "numerator.where.not_is_reusable"),
        (where(bnf_prefix=[""]), "numerator.where.bnf_prefix"),
        (where(bnf_prefix="03"), "numerator.where.bnf_prefix"),
        (where(bnf_code=["0301%"]), "numerator.where.bnf_code"),
        (where(codes="absent.csv"), "numerator.where.codes"),
        (where(codes="twice.csv"), "numerator.where.codes"),
        (where(codes="bare.csv"), "numerator.where.codes"),
        ({"numerator": {"sum": "items", "where": {"codes": "good.csv"}, "weights": "good.csv"}}, "numerator.weights"),
        ({"numerator": {"sum": "total_quantity", "where": {"codes": "good.csv"}, "weights": "words.csv"}}, "numerator.weights"),
        ({"denominator": {"sum": "patients", "where": {"bnf_prefix": ["03"]}}}, "denominator.where"),
        ({"denominator": {"sum": "patients"}}, "gates.counts"),
        ({"gates": {"ranked": 10, "shown": 25, "months": 12}}, "gates.shown"),
        ({"gates": {"ranked": -1, "shown": 25, "months": 12}}, "gates.ranked"),
        ({"gates": {"ranked": 100, "shown": 25}}, "gates.months"),
        ({"breaks": [{"month": date(2025, 1, 2), "words": "w", "is_rebase": False}]}, r"breaks\[1\].month"),
        ({"breaks": [{"month": date(2025, 1, 1), "words": "", "is_rebase": False}]}, r"breaks\[1\].words"),
        ({"split": {"shape": ["round"]}}, "split.shape"),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_refused_with_file_key_and_reason(change, key):
    with pytest.raises(DefinitionError, match=rf"^x\.toml: {key}: .+README") as error:
        parse_measure(GOOD | change, LISTS, "x.toml")
    assert error.value.exit_code == 5


def test_a_missing_key_is_named():
    with pytest.raises(DefinitionError, match=r"x\.toml: unit: is missing"):
        parse_measure({k: v for k, v in GOOD.items() if k != "unit"}, LISTS, "x.toml")


def test_a_good_definition_is_taken():
    assert isinstance(parse_measure(GOOD, LISTS, "x.toml"), Measure)


def test_adding_a_measure_is_adding_a_file_and_all_faults_are_named_at_once(tmp_path):
    shutil.copytree(REFERENCE / "measures", tmp_path / "measures")
    text = (tmp_path / "measures" / "reusable_device_share.toml").read_text("utf-8")
    (tmp_path / "measures" / "refills.toml").write_text(text.replace('"reusable_device_share"', '"refills"'), "utf-8")
    measures = read_measures(Files(tmp_path))
    assert {m.id for m in measures} == {*MEASURES, "refills"}
    (tmp_path / "measures" / "a.toml").write_text(text, "utf-8")
    (tmp_path / "measures" / "b.toml").write_text("id = ", "utf-8")
    (tmp_path / "measures" / "saba.toml").write_text(
        text.replace('"reusable_device_share"', '"saba"').replace('"SMI"', '"SMl"'), "utf-8"
    )
    with pytest.raises(DefinitionError) as error:
        read_measures(Files(tmp_path))
    for fault in (
        "a.toml: id",
        "b.toml: line 1: cannot be read",
        "saba.toml: numerator.where.device_type",
    ):
        assert fault in str(error.value)


def test_no_folder_and_no_measure_are_said(tmp_path):
    with pytest.raises(DefinitionError, match="measures folder"):
        read_measures(Files(tmp_path))
    (tmp_path / "measures").mkdir()
    with pytest.raises(DefinitionError, match="no measure"):
        read_measures(Files(tmp_path))


def test_an_id_given_twice_is_refused():
    with pytest.raises(DefinitionError, match="saba stands twice"):
        run_measures(
            [MEASURES["saba"]] * 2, FOOTPRINT.empty(), PRODUCT_ROWS, members("A"), LIST_SIZES.empty(), period()
        )


def test_published_measures_never_claim_to_be_the_incentive():
    published = [m for m in MEASURES.values() if m.source_id.startswith("openprescribing") and m.settings]
    assert {m.label for m in published} == {"OpenPrescribing definition"}
    assert all(m.settings == ("GP practice",) for m in published)
    assert len(published) == 5
