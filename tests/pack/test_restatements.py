"""What a later pack says of an earlier one: each cause by name, found by recomputing, and the parts add up."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prescarbon.config import Config, parse_month
from prescarbon.pack.folder import Pack
from prescarbon.pack.write import write_report
from prescarbon.source.files import take_file
from prescarbon.store.months import Store

GENERIC = "0301011R0AAAPAP"  # salbutamol 100 micrograms, whose brand nobody knows
LAST = "2026-01"
PART = re.compile(r"(.*?) \(([+-][\d,]+\.\d) kg\)(?:; |$)")


def entries(pack: Pack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((pack.folder / "manifest.json").read_text("utf-8"))["restatements"]
    return found


def parts(entry: dict[str, Any]) -> list[tuple[str, float]]:
    """(words, kg) of each cause; together they are the whole difference, to the tenth of a kilogram that is printed."""
    found = [(words, float(kg.replace(",", ""))) for words, kg in PART.findall(entry["because"])]
    whole = entry["says_kg"] - entry["said_kg"]
    assert sum(kg for _, kg in found) == pytest.approx(whole, abs=0.05 * len(found) + 1e-9)
    return found


def causes(pack: Pack) -> set[str]:
    return {words for entry in entries(pack) for words, _ in parts(entry)}


def of_month(pack: Pack, what: str, month: str = LAST) -> dict[str, Any]:
    (entry,) = (e for e in entries(pack) if (e["month"], e["what"]) == (month, what))
    return entry


def kilograms(pack: Pack, month: str = LAST, of: pl.Expr | None = None) -> float:
    rows = pl.read_parquet(pack.folder / "data" / "footprint.parquet")
    rows = rows.filter(pl.col("month") == parse_month(month), pl.lit(value=True) if of is None else of)
    return float(rows["kg_co2e"].sum())


def copied(pack: Pack, to: Path) -> Pack:
    """The pack as it stands now: a later run replaces it."""
    return replace(pack, folder=shutil.copytree(pack.folder, to))


def test_the_same_again_restates_nothing(config: Config) -> None:
    assert entries(write_report(config)) == []
    assert entries(write_report(config)) == []


def test_a_brand_mix_is_named_with_both_values_and_what_it_moved(config: Config, tmp_path: Path) -> None:
    before = copied(write_report(config), tmp_path / "before")
    after = write_report(replace(config, brand_mix={GENERIC: 0.1}))
    entry = of_month(after, "inhalers")
    assert [words for words, _ in parts(entry)] == [f"brand_mix was as shipped, is {GENERIC} 0.1"]
    is_generic = pl.col("bnf_code") == GENERIC
    moved = kilograms(after, of=is_generic) - kilograms(before, of=is_generic)
    assert moved < -1
    assert entry["says_kg"] - entry["said_kg"] == pytest.approx(moved)
    assert parts(entry)[0][1] == pytest.approx(moved, abs=0.05)
    assert len(entries(after)) == 2 * 14  # inhalers and all, each month


def test_two_settings_and_a_factor_share_a_difference(config: Config, own_reference: Path) -> None:
    write_report(config)
    factor = change_mass(own_reference)
    after = write_report(replace(config, reference=own_reference, gwp_basis="AR5", brand_mix={GENERIC: 0.1}))
    for what in ("inhalers", "all"):
        words = [words for words, _ in parts(of_month(after, what))]
        assert words[:2] == ["gwp_basis was AR6, is AR5", f"brand_mix was as shipped, is {GENERIC} 0.1"]
        assert len(words) == 3
        assert set(moved_factors(words[2])) == {factor, "generic-salbutamol-pmdi"}


def moved_factors(words: str) -> dict[str, float]:
    """factor_id → kg that a sentence names."""
    prefix = "factors changed: "
    assert words.startswith(prefix)
    named = (part.rsplit(" ", 1) for part in words.removeprefix(prefix).split(", "))
    return {factor: float(kg.replace(",", "")) for factor, kg in named}


def change_mass(reference: Path) -> str:
    """One more gram of propellant in Ventolin Evohaler; the name of its factor."""
    file = reference / "factors" / "inhalers.csv"
    rows = pl.read_csv(file, infer_schema=False)
    is_it = pl.col("key") == "0301011R0BEAIAP"
    masses = [c for c in rows.columns if c.startswith("propellant_mass_g")]
    more = [
        pl.when(is_it).then((pl.col(c).cast(pl.Float64) + 1).round(2).cast(pl.String)).otherwise(c).alias(c)
        for c in masses
    ]
    rows.with_columns(more).write_csv(file)
    return str(rows.filter(is_it)["factor_id"].item())


def test_a_changed_factor_is_named(config: Config, own_reference: Path) -> None:
    write_report(replace(config, reference=own_reference))
    factor = change_mass(own_reference)
    after = write_report(replace(config, reference=own_reference))
    ((words, kg),) = parts(of_month(after, "inhalers"))
    named = moved_factors(words)
    assert set(named) == {factor, "generic-salbutamol-pmdi"}  # the generic is a mix of it and another brand
    assert min(named.values()) > 1
    assert sum(named.values()) == pytest.approx(kg, abs=0.1)


@pytest.fixture
def own_home(small: Path, tmp_path: Path) -> Path:
    """A copy of the small store that a test may change."""
    return shutil.copytree(small, tmp_path / "home")


def publish_again(home: Path, month: str, code: str, factor: int) -> None:
    """The month's file with so many times the devices of a code, taken in place of the one that is held."""
    (file,) = (
        f for f in (home / "sample").rglob("*.csv") if month.replace("-", "") in f.name and "EPD" in f.name.upper()
    )
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    for row in rows:
        if code in row.values():
            row["TOTAL_QUANTITY"] = str(float(row["TOTAL_QUANTITY"]) * factor)
            row["ITEMS"] = str(int(row["ITEMS"]) * factor)
    other = home / f"again_{file.name}"
    with other.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    take_file(Store(home), other, replace=True)


def test_a_month_published_again_names_the_presentation(config: Config, own_home: Path) -> None:
    config = replace(config, home=own_home)
    write_report(config)
    publish_again(own_home, LAST, "0301011R0BEAIAP", 2)
    after = write_report(config)
    ((words, kg),) = parts(of_month(after, "inhalers"))
    assert words == f"the month was published again: 0301011R0BEAIAP {kg:+,.1f}"
    assert kg > 1
    assert {e["month"] for e in entries(after)} == {LAST}


def test_a_base_month_published_again_moves_the_prices_of_the_others(config: Config, own_home: Path) -> None:
    """No month but the first changed: the rest of the year moves by constant prices alone, and says so."""
    config = replace(config, home=own_home)
    first = json.loads((write_report(config).folder / "manifest.json").read_text("utf-8"))["months"][0]
    publish_again(own_home, first, most_costly(own_home, first), 3)
    after = write_report(config)
    words = {words for words, _ in parts(of_month(after, "all"))}
    assert words == {"constant prices: a month of the base period was published again"}
    assert any(w.startswith("the month was published again: ") for w, _ in parts(of_month(after, "all", first)))


def most_costly(home: Path, month: str) -> str:
    """The medicine that costs most of those whose kilograms are of spend."""
    rows = Store(home).scan([parse_month(month)]).filter(~pl.col("bnf_code").str.starts_with("03"))
    return str(
        rows.group_by("bnf_code").agg(pl.col("nic_gbp").sum()).sort("nic_gbp", descending=True).collect()["bnf_code"][0]
    )


def test_base_months_are_named(config: Config) -> None:
    write_report(config)
    after = write_report(replace(config, base_months=1))
    assert causes(after) == {"base_months was 12, is 1"}
    assert {e["what"] for e in entries(after)} == {"all"}  # no price is in an inhaler's kilograms


def test_a_new_month_moves_the_base_period(config: Config) -> None:
    write_report(config, last_month=parse_month("2025-12"), months=12)
    after = write_report(config, months=12)
    assert causes(after) == {"constant prices: the base period began in January 2025, begins in February 2025"}
    assert LAST not in {e["month"] for e in entries(after)}  # nobody said anything of it before


def practice_codes(pack: Pack) -> list[str]:
    return sorted(p.stem for p in (pack.folder / "practice").iterdir())


def test_another_scope_names_the_practices(config: Config) -> None:
    first, *others = practice_codes(write_report(config))
    after = write_report(replace(config, scope=(first,)))
    prefix = f"scope was gp, is {first}: "
    ((words, kg),) = parts(of_month(after, "inhalers"))
    assert words.startswith(prefix)
    assert sorted(re.findall(r"[A-Z]\d{5}", words.removeprefix(prefix))) == others
    assert kg < 0
    back = write_report(config)
    assert any(words.startswith(f"scope was {first}, is gp: ") for words in causes(back))


def test_the_same_words_of_scope_may_mean_other_practices(config: Config, tmp_path: Path) -> None:
    codes = practice_codes(write_report(config))
    listed = tmp_path / "codes.txt"
    config = replace(config, scope=(f"file:{listed}",), out=tmp_path / "listed")
    listed.write_text("\n".join(codes[:2]))
    write_report(config)
    listed.write_text("\n".join(codes[1:]))
    after = write_report(config)
    entry = of_month(after, "inhalers")
    ((words, _),) = parts(entry)
    assert words.startswith("the scope holds other practices: ")
    assert sorted(re.findall(r"[A-Z]\d{5}", words)) == [codes[0], codes[2]]


@pytest.mark.parametrize("has_tables", [True, False])
def test_a_scope_that_is_gone_is_known_from_the_tables_alone(config: Config, tmp_path: Path, has_tables: bool) -> None:
    first, *_ = practice_codes(write_report(config))
    listed = tmp_path / "codes.txt"
    listed.write_text(first)
    config = replace(config, out=tmp_path / "listed")
    pack = write_report(replace(config, scope=(f"file:{listed}",)))
    listed.unlink()
    if not has_tables:
        shutil.rmtree(pack.folder / "data")
    ((words, _),) = parts(of_month(write_report(config), "inhalers"))
    if has_tables:
        assert words.startswith(f"scope was file:{listed}, is gp: ")
    else:
        assert words == "not found; the earlier pack holds no tables to recompute it from"


@pytest.mark.parametrize(
    ("then", "now", "says"),
    [
        ({}, {"gwp_basis": "AR5"}, "gwp_basis was AR6, is AR5"),
        ({"scope": ("all",)}, {"scope": ("gp",)}, "scope was all, is gp: "),
        ({"scope": ("pcn:SYN001",)}, {"scope": ("gp",)}, "scope was pcn:SYN001, is gp: "),
        ({"scope": ("gp",)}, {"scope": ("pcn:SYN001",)}, "scope was gp, is pcn:SYN001: "),
    ],
)
def test_without_tables_settings_are_still_recomputed(
    config: Config, then: dict[str, Any], now: dict[str, Any], says: str
) -> None:
    pack = write_report(replace(config, **then))
    shutil.rmtree(pack.folder / "data")
    found = causes(write_report(replace(config, **now)))
    assert found
    assert all(words.startswith(says) for words in found)


def test_without_tables_what_cannot_be_recomputed_says_so(config: Config, own_reference: Path) -> None:
    config = replace(config, reference=own_reference)
    shutil.rmtree(write_report(config).folder / "data")
    change_mass(own_reference)
    assert causes(write_report(config)) == {
        "the reference data changed; the earlier pack holds no tables to recompute it from"
    }


def test_without_tables_the_base_period_is_read_from_the_store(config: Config) -> None:
    pack = write_report(config, last_month=parse_month("2025-12"), months=12)
    shutil.rmtree(pack.folder / "data")
    after = write_report(config, months=12)
    assert causes(after) == {"constant prices: the base period began in January 2025, begins in February 2025"}


def test_of_a_pack_without_its_factors_nobody_says_that_products_changed(config: Config, own_reference: Path) -> None:
    """What an older version wrote: a footprint and no factors."""
    config = replace(config, reference=own_reference)
    (write_report(config).folder / "data" / "factors.parquet").unlink()
    change_mass(own_reference)
    (words,) = {re.sub(r": .*", "", words) for words in causes(write_report(config))}
    assert words == "factors, products or readings of quantities changed"


def test_old_entries_stay_and_none_stands_twice(config: Config) -> None:
    write_report(config)
    other = replace(config, gwp_basis="AR5")
    first = entries(write_report(other))
    assert entries(write_report(other)) == first
    second = entries(write_report(config))
    assert second[: len(first)] == first
    assert len(second) == 2 * len(first)
    assert len({json.dumps(e) for e in second}) == len(second)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_pack_is_no_earlier_run(config: Config, text: str) -> None:
    folder = config.out / "2025-12"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    assert entries(write_report(config)) == []
