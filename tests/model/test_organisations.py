from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from prescarbon.errors import InputError
from prescarbon.model.organisations import date_practices, in_scope, practices_in_force
from prescarbon.model.people import list_sizes_for
from prescarbon.tables.organisations import LIST_SIZES, PCN_MEMBERSHIPS, PRACTICE_SNAPSHOTS, PRACTICES, SUB_ICB_PARENTS
from prescarbon.tables.schema import FOREVER
from tests.frames import NO_LINKS, rows_of
from tests.oracle import practices_in_one_month

PARENTS = SUB_ICB_PARENTS.empty()
SNAPSHOTS = """
    as_of      | practice_code | practice_name | is_in_use | setting     | sub_icb_code | icb_code | sub_icb_from | opened     | closed
    2017-08-01 | E81001        | OLD NAME      | true      | GP practice | 06F          | Q79      | 2013-04-01   | 1974-04-01 |
    2022-12-01 | E81001        | NEW NAME      | true      | GP practice | M1J4Y        | QHG      | 2021-04-01   | 1974-04-01 |
    2022-12-01 | E81002        | CLOSED ONE    | false     | GP practice | M1J4Y        | QHG      | 2021-04-01   | 1990-01-01 | 2022-03-31
    2022-12-01 | E81003        | A DORMANT ONE | true      | GP practice | M1J4Y        | QHG      | 2021-04-01   | 1990-01-01 |
    2025-10-01 | E81003        | A DORMANT ONE | false     | GP practice | M1J4Y        | QHG      | 2021-04-01   | 1990-01-01 |
    2022-12-01 | Y00001        | A HOSPICE     | true      | other       | M1J4Y        | QHG      | 2021-04-01   | 2021-04-01 |
"""
MEMBERS = """
    as_of      | practice_code | practice_name | pcn_code | pcn_name | sub_icb_code | member_from | member_to
    2023-01-01 | E81001        | NEW NAME      | U00009   | WRONG    | M1J4Y        | 2019-10-01  |
    2026-02-01 | E81001        | NEW NAME      | U00001   | ONE PCN  | M1J4Y        | 2019-10-01  | 2022-03-31
    2026-02-01 | E81001        | NEW NAME      | U00002   | TWO PCN  | M1J4Y        | 2023-04-23  |
"""


def dated(snapshots: str = SNAPSHOTS, members: str = MEMBERS) -> pl.LazyFrame:
    return date_practices(rows_of(PRACTICE_SNAPSHOTS, snapshots), rows_of(PCN_MEMBERSHIPS, members), PARENTS)


def test_history_of_one_practice_by_hand():
    rows = dated().filter(pl.col("practice_code") == "E81001").collect()
    assert rows.select("valid_from", "valid_to", "practice_name", "sub_icb_code", "pcn_code").rows() == [
        (date(1974, 4, 1), date(2013, 3, 31), "OLD NAME", None, None),  # no source reaches back: unknown
        (date(2013, 4, 1), date(2019, 9, 30), "OLD NAME", "06F", None),  # joined 06F on that day, says the file of 2017
        (date(2019, 10, 1), date(2021, 3, 31), "OLD NAME", "06F", "U00001"),
        (date(2021, 4, 1), date(2022, 3, 31), "NEW NAME", "M1J4Y", "U00001"),  # joined M1J4Y between the two files
        (date(2022, 4, 1), date(2023, 4, 22), "NEW NAME", "M1J4Y", None),  # in no network, says the newest file
        (date(2023, 4, 23), FOREVER, "NEW NAME", "M1J4Y", "U00002"),
    ]


def test_a_file_that_says_otherwise_on_that_very_day_is_believed_before_a_later_files_joining_date():
    rows = dated(
        """
        as_of      | practice_code | practice_name | is_in_use | setting     | sub_icb_code | sub_icb_from
        2017-08-01 | E81001        | A             | true      | GP practice | 06F          | 2013-04-01
        2022-12-01 | E81001        | A             | true      | GP practice | M1J4Y        | 2017-08-01
        """,
        "as_of | practice_code | pcn_code",
    ).collect()
    assert rows.select("valid_from", "sub_icb_code").rows() == [
        (date(2013, 4, 1), "06F"),
        (date(2022, 12, 1), "M1J4Y"),
    ]


def test_open_closed_and_dormant_practices_are_labelled_and_kept():
    def state(month: date) -> dict[str, str]:
        return dict(practices_in_force(dated(), [month]).select("practice_code", "state").collect().rows())

    assert state(date(2020, 1, 1)) == dict.fromkeys(["E81001", "E81002", "E81003"], "active") | {
        "Y00001": "not open yet"
    }
    assert state(date(2022, 3, 1))["E81002"] == "active"  # closes on the last day of the month
    assert state(date(2022, 4, 1))["E81002"] == "closed"
    assert state(date(2025, 9, 1))["E81003"] == "active"
    assert (
        state(date(2025, 10, 1))["E81003"] == "not in use"
    )  # dormant in the file of October 2025, without a closing day


def test_one_day_in_the_month_is_enough_to_be_active():
    may = date(2025, 5, 1)
    rows = rows_of(
        PRACTICES,
        """
        practice_code | valid_from | valid_to   | opened     | closed
        A81001        | 2020-01-01 | 9999-12-31 | 2025-05-31 |
        A81002        | 2020-01-01 | 9999-12-31 | 2025-06-01 |
        A81003        | 2020-01-01 | 9999-12-31 |            | 2025-05-01
        A81004        | 2020-01-01 | 9999-12-31 |            | 2025-04-30
        A81005        | 2020-01-01 | 2025-05-01 |            |
        A81006        | 2020-01-01 | 2025-04-30 |            |
        """,
    )
    states = practices_in_force(rows, [may]).collect()["state"].to_list()
    assert states == ["active", "not open yet", "active", "closed", "active", "not in use"]


def test_as_then_and_as_now_differ_and_what_is_assumed_is_said():
    def one(month: date, membership: str) -> tuple[object, ...]:
        rows = practices_in_force(dated(), [month], membership).filter(pl.col("practice_code") == "E81001")
        return rows.select("sub_icb_code", "icb_code", "pcn_code", "is_assumed").collect().row(0)

    assert one(date(2017, 9, 1), "as then") == ("06F", "Q79", None, False)
    assert one(date(2017, 9, 1), "as now") == ("M1J4Y", "QHG", "U00002", False)
    assert one(date(2012, 1, 1), "as then") == ("06F", "Q79", None, True)  # the earliest that any source gives
    assert one(date(1970, 1, 1), "as then") == ("06F", "Q79", None, True)  # before it opened: its first row
    with pytest.raises(InputError, match="as then"):
        practices_in_force(dated(), [date(2020, 1, 1)], "as before")


def test_a_practice_that_only_a_pcn_file_names_has_no_known_setting():
    only = dated(members=MEMBERS + "    2026-02-01 | E89999 | X | U00001 | ONE PCN | M1J4Y | 2020-10-01 |\n")
    row = only.filter(pl.col("practice_code") == "E89999").collect()
    assert row["setting"].unique().to_list() == ["not known"]


def test_an_icb_comes_from_the_lookup_where_the_practice_file_names_none():
    parents = rows_of(SUB_ICB_PARENTS, "as_of | sub_icb_code | icb_code\n2022-07-01 | M1J4Y | QHG")
    members = "as_of | practice_code | practice_name | pcn_code | sub_icb_code | member_from\n2023-01-01 | E89999 | X | U1 | M1J4Y | 2020-10-01"
    rows = date_practices(PRACTICE_SNAPSHOTS.empty(), rows_of(PCN_MEMBERSHIPS, members), parents).collect()
    assert rows["icb_code"].drop_nulls().unique().to_list() == ["QHG"]


def test_scope_keeps_every_dated_row_and_counts_gp_practices_alone():
    def codes(*scope: str) -> list[str]:
        return in_scope(dated(), scope).collect()["practice_code"].unique().sort().to_list()

    assert codes("blmk") == ["E81001", "E81002", "E81003"]  # not the hospice
    assert codes("sub-icb:06F") == ["E81001"]
    assert codes("pcn:u00001") == ["E81001"]
    assert codes("icb:QHG") == ["E81001", "E81002", "E81003", "Y00001"]
    assert codes("all") == codes("icb:QHG")
    assert codes("Y00001", "pcn:U00002") == ["E81001", "Y00001"]
    assert in_scope(dated(), ["sub-icb:M1J4Y"]).filter(pl.col("practice_code") == "E81001").collect().height == 6
    assert codes("pcn:U99999") == []


def test_a_practice_code_asked_for_is_kept_although_no_file_names_it():
    row = in_scope(dated(), ["l84018"]).collect()
    assert row.select("practice_code", "setting").rows() == [("L84018", "not known")]


@pytest.mark.parametrize("entry", ["E81001;DROP", "ward:X", "pcn:", "", "file:codes.txt"])
def test_what_is_no_scope_gets_a_sentence(entry: str):
    with pytest.raises(InputError, match="is no scope"):
        in_scope(dated(), [entry])


def test_list_sizes_carry_forward_never_back():
    sizes = rows_of(
        LIST_SIZES,
        """
        practice_code | month      | patients
        E81001        | 2021-01-01 | 1000
        E81001        | 2021-03-01 | 1100
        """,
        is_carried=False,
    )
    months = [date(2021, 3, 1), date(2020, 12, 1), date(2021, 2, 1), date(2021, 1, 1)]
    assert list_sizes_for(sizes, months, PRACTICES.empty(), NO_LINKS).collect().rows() == [
        ("E81001", date(2020, 12, 1), None, False, None),  # only later ones exist: unknown
        ("E81001", date(2021, 1, 1), 1000, False, date(2021, 1, 1)),
        ("E81001", date(2021, 2, 1), 1000, True, date(2021, 1, 1)),
        ("E81001", date(2021, 3, 1), 1100, False, date(2021, 3, 1)),
    ]


days = st.dates(date(2015, 1, 1), date(2025, 12, 31))
member = st.tuples(st.sampled_from(["A81001", "A81002"]), st.sampled_from(["U1", "U2"]), days, st.none() | days)


@given(st.lists(member, max_size=6), st.lists(st.tuples(st.sampled_from(["A81001", "A81002"]), days, days), max_size=5))
def test_dated_rows_have_no_gap_and_no_overlap_whatever_the_files_say(members, snapshots):
    given_members = pl.LazyFrame(
        [(date(2026, 1, 1), p, "N", u, "N", "S", None, a, b) for p, u, a, b in members],
        PCN_MEMBERSHIPS.schema,
        orient="row",
    )
    given_snapshots = pl.LazyFrame(
        [(as_of, p, "N", True, "GP practice", "S", "I", began, began, None) for p, as_of, began in snapshots],
        PRACTICE_SNAPSHOTS.schema,
        orient="row",
    ).unique(["practice_code", "as_of"])
    rows = PRACTICES.admit(date_practices(given_snapshots, given_members, PARENTS)).collect()
    assert set(rows["practice_code"]) == {m[0] for m in members} | {s[0] for s in snapshots}
    gap = (pl.col("valid_from").shift(-1).over("practice_code") - pl.col("valid_to")).dt.total_days()
    assert set(rows.select(gap).to_series().drop_nulls()) <= {1}
    assert (rows["valid_from"] <= rows["valid_to"]).all()


maybe = st.none() | days
dated_row = st.tuples(
    st.sampled_from(["A81001", "A81002", "A81003"]),
    days,  # valid_from
    days | st.just(FOREVER),  # valid_to
    st.sampled_from([None, "S1", "S2"]),
    st.sampled_from([None, "I1"]),
    maybe,  # opened
    maybe,  # closed
)


@settings(max_examples=100)
@given(
    st.lists(dated_row, max_size=12),
    st.lists(st.dates(date(2014, 1, 1), date(2027, 1, 1)).map(lambda d: d.replace(day=1)), max_size=8),
    st.sampled_from(["as then", "as now"]),
)
def test_many_months_at_once_say_what_each_month_alone_says(rows, months, membership):
    """Rows may overlap, leave gaps and start twice on one day, as two lists joined together do."""
    practices = pl.LazyFrame(
        [(c, f"N{i}", "other", "U1", "P", s, i_, a, b, o, z) for i, (c, a, b, s, i_, o, z) in enumerate(rows)],
        PRACTICES.schema,
        orient="row",
    )
    found = practices_in_force(practices, months, membership).collect()
    assert found.columns == ["month", *PRACTICES.names, "is_active", "state", "is_assumed"]
    assert found["month"].unique().sort().to_list() == (sorted(set(months)) if rows else [])
    for month in set(months):
        alone = practices_in_one_month(practices, month, membership)
        assert_frame_equal(found.filter(pl.col("month") == month).drop("month"), alone)
