"""List sizes around closures and mergers, by hand."""

from datetime import date

import polars as pl

from prescarbon.model.people import join_lists, list_sizes_for
from prescarbon.model.successors import date_successors, lines_of_successors
from prescarbon.tables.organisations import LIST_SIZES, PRACTICES
from tests.frames import NO_LINKS, frame, rows_of

MONTHS = [date(2025, m, 1) for m in (5, 6, 7, 8)]
PRACTICE_ROWS = rows_of(
    PRACTICES,
    """
    practice_code | practice_name | setting     | valid_from | valid_to
    A81001        | A             | GP practice | 2000-01-01 | 2025-06-15
    B81001        | B             | GP practice | 2000-01-01 | 9999-12-31
    """,
)
NAMED = frame(
    "practice_code | successor_code | merged_on\nA81001 | B81001 | ",
    practice_code=pl.String,
    successor_code=pl.String,
    merged_on=pl.Date,
)
LINKS = date_successors(NAMED, PRACTICE_ROWS).collect()


def sizes(text: str) -> pl.LazyFrame:
    return rows_of(LIST_SIZES, text, is_carried=False)


def told(lists: pl.LazyFrame, links: pl.DataFrame = NO_LINKS) -> dict[str, list]:
    found = list_sizes_for(lists, MONTHS, PRACTICE_ROWS, links).collect()
    return {code: rows["patients"].to_list() for (code,), rows in found.group_by("practice_code", maintain_order=True)}


BEFORE = """
    practice_code | month      | patients
    A81001        | 2025-04-01 | 4000
    B81001        | 2025-04-01 | 24000
"""


def test_a_list_ends_with_its_practice():
    assert told(sizes(BEFORE)) == {
        "A81001": [4000, 4000],
        "B81001": [24000] * 4,
    }  # closed on 15 June: none from July on


def test_a_list_published_after_the_last_day_is_believed_for_its_month_alone():
    after = BEFORE + "    A81001        | 2025-07-01 | 10\n"
    assert told(sizes(after))["A81001"] == [4000, 4000, 10]


def test_the_successor_has_the_last_list_until_a_list_of_its_own_is_newer():
    assert told(sizes(BEFORE), LINKS)["B81001"] == [24000, 24000, 28000, 28000]
    newer = BEFORE + "    B81001        | 2025-08-01 | 28100\n"
    assert told(sizes(newer), LINKS)["B81001"] == [24000, 24000, 28000, 28100]


def test_a_list_that_is_unknown_on_either_side_of_a_merger_stays_unknown():
    only_a = "practice_code | month | patients\nA81001 | 2025-04-01 | 4000"
    assert told(sizes(only_a), LINKS) == {"A81001": [4000, 4000], "B81001": [None] * 4}
    only_b = "practice_code | month | patients\nB81001 | 2025-04-01 | 24000"
    assert told(sizes(only_b), LINKS) == {"A81001": [None, None], "B81001": [24000, 24000, None, None]}
    joined = join_lists(list_sizes_for(sizes(only_b), MONTHS, PRACTICE_ROWS, LINKS), {"A81001": "B81001"}).collect()
    assert joined["patients"].to_list() == [None] * 4


def test_a_successor_that_opened_for_the_merger_has_the_people_of_those_it_took_over():
    opened = PRACTICE_ROWS.with_columns(
        opened=pl.when(pl.col("practice_code") == "B81001").then(pl.date(2025, 7, 1)),
        valid_from=pl.when(pl.col("practice_code") == "B81001").then(pl.date(2025, 7, 1)).otherwise("valid_from"),
    )
    only_a = sizes("practice_code | month | patients\nA81001 | 2025-04-01 | 4000")
    found = list_sizes_for(only_a, MONTHS, opened, LINKS).collect()
    assert found.filter(practice_code="B81001").select("month", "patients").rows() == [(m, 4000) for m in MONTHS[2:]]
    joined = join_lists(found.lazy(), {"A81001": "B81001"}).collect()
    assert joined["patients"].to_list() == [4000] * 4


def test_a_list_of_a_practice_that_was_taken_over_is_not_counted_twice():
    late = BEFORE + "    A81001        | 2025-07-01 | 10\n"
    assert told(sizes(late), LINKS) == {"A81001": [4000, 4000], "B81001": [24000, 24000, 28000, 28000]}


def test_a_link_needs_a_day_from_the_file_or_from_the_organisations():
    assert LINKS["last_day"].to_list() == [date(2025, 6, 15)]
    told_day = NAMED.with_columns(merged_on=pl.lit(date(2025, 5, 1)))
    assert date_successors(told_day, PRACTICE_ROWS).collect()["last_day"].to_list() == [date(2025, 4, 30)]
    open_still = NAMED.with_columns(practice_code=pl.lit("B81001"), successor_code=pl.lit("A81001"))
    dayless = date_successors(open_still, PRACTICE_ROWS).collect()
    assert dayless["last_day"].to_list() == [None]
    assert told(sizes(BEFORE), dayless) == told(sizes(BEFORE))


def test_successors_are_followed_to_the_end():
    links = frame(
        "practice_code | successor_code\nA | B\nB | C\nX | C", practice_code=pl.String, successor_code=pl.String
    )
    assert lines_of_successors(links.collect()) == {"A": ["B", "C"], "B": ["C"], "X": ["C"]}


def test_joined_lists_are_unknown_where_one_of_them_is():
    known = list_sizes_for(sizes(BEFORE + "    B81001 | 2025-08-01 | 28100\n"), MONTHS, PRACTICE_ROWS, LINKS)
    joined = join_lists(known, {"A81001": "B81001"}).collect()
    assert joined["patients"].to_list() == [28000, 28000, 28000, 28100]
    hole = known.with_columns(
        pl.when(pl.col("practice_code") == "A81001").then(None).otherwise("patients").alias("patients")
    )
    assert join_lists(hole, {"A81001": "B81001"}).collect()["patients"].to_list() == [None, None, 28000, 28100]
