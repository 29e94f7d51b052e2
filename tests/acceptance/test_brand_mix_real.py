"""The stated mix of generic salbutamol and how practices differ about it, worked out again from rows nobody here wrote."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from prescarbon.reference.definitions import read_reference

pytestmark = pytest.mark.real
VENTOLIN, SALAMOL = "0301011R0BEAIAP", "0301011R0BIAFAP"
SNOMED = {"222311000001102": VENTOLIN, "106511000001103": SALAMOL}


def newest_mix() -> dict[str, object]:
    factors = read_reference().factors().filter(pl.col("factor_id") == "generic-salbutamol-pmdi-2025")
    return factors.collect().row(0, named=True)


def test_the_mix_of_2025_is_that_of_the_brands_named_in_england(real: Path) -> None:
    file = real.parent / "facts" / "england-pca-2025-inhaled.csv"
    if not file.is_file():
        pytest.skip("no ../shared/facts beside the checkout")
    with file.open(encoding="utf-8") as rows:
        sold = {
            SNOMED[r["snomed_code"]]: float(r["quantity"]) for r in csv.DictReader(rows) if r["snomed_code"] in SNOMED
        }
    share = sold[VENTOLIN] / (sold[VENTOLIN] + sold[SALAMOL])
    assert sold == {VENTOLIN: 3_533_518, SALAMOL: 8_320_074}
    kg = {
        k: row[0]
        for k in SNOMED.values()
        for row in read_reference().factors().filter(pl.col("key") == k).select("kg_co2e").collect().rows()
    }
    assert share == pytest.approx(0.298, abs=0.0005)
    assert newest_mix()["kg_co2e"] == pytest.approx(share * kg[VENTOLIN] + (1 - share) * kg[SALAMOL], abs=0.01)


def test_practices_differ_about_the_mix_as_four_whole_practices_did(real: Path) -> None:
    """Intraclass correlation of the brand among items that name one, chance taken out (analysis of variance).

    MSB = Σ n (p - p̄)² ÷ (k - 1), MSW = Σ n p (1 - p) ÷ (N - k), n₀ = (N - Σ n² ÷ N) ÷ (k - 1);
    (MSB - MSW) ÷ (MSB + (n₀ - 1) MSW). Four practices are few: the setting is rounded, and its docs say so.
    """
    items: Counter[tuple[str, str]] = Counter()
    for file in sorted((real / "epd-2017").glob("epd_*.csv.gz")):
        with gzip.open(file, "rt", encoding="latin-1") as rows:
            for row in csv.DictReader(rows):
                if row["BNF_CODE"] in (VENTOLIN, SALAMOL):
                    items[row["PRACTICE_CODE"], row["BNF_CODE"]] += int(row["ITEMS"])
    practices = sorted({practice for practice, _ in items})
    n = {p: items[p, VENTOLIN] + items[p, SALAMOL] for p in practices}
    share = {p: items[p, VENTOLIN] / n[p] for p in practices}
    assert n == {"B85010": 42, "B85054": 58, "L84018": 57, "L84073": 132}
    total, k = sum(n.values()), len(n)
    mean = sum(items[p, VENTOLIN] for p in practices) / total
    between = sum(n[p] * (share[p] - mean) ** 2 for p in practices) / (k - 1)
    within = sum(n[p] * share[p] * (1 - share[p]) for p in practices) / (total - k)
    size = (total - sum(each**2 for each in n.values()) / total) / (k - 1)
    correlation = (between - within) / (between + (size - 1) * within)
    spread = read_reference().error_parts().drop_nulls("local_spread").collect()["local_spread"].unique().to_list()
    assert spread == [0.5]
    assert correlation == pytest.approx(0.5, abs=0.06)
