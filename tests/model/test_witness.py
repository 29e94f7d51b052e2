from datetime import date

import polars as pl

from prescarbon.model.witness import find_disagreements
from prescarbon.tables.prescribing import PRESCRIBING
from tests.frames import rows_of

SERIES = pl.LazyFrame({"bnf_code": ["0302000C0BQAABX"], "series_code": ["0302000ABBCAAAB"]})


def test_one_snomed_code_beside_two_products_in_a_month_is_named():
    rows = rows_of(
        PRESCRIBING,
        """
        month      | bnf_code        | snomed_code | items
        2026-01-01 | 0301011R0BEAIAP | 111         | 3
        2026-01-01 | 0301011R0BIAFAP | 111         | 2
        2026-01-01 | 0301011R0BIAFAP | 222         | 5
        2026-01-01 | 0301011R0BIAFAP | 333         | 5
        2026-01-01 | 0302000C0BQAABX | 444         | 1
        2026-01-01 | 0302000ABBCAAAB | 444         | 1
        2026-01-01 | 0212000B0AAABAB |             | 9
        """,
    )
    assert find_disagreements(rows, SERIES).collect().rows() == [
        (date(2026, 1, 1), "111", "0301011R0BEAIAP 0301011R0BIAFAP", 5)
    ]
