"""What a later pack says of an earlier one: each cause by name, found by recomputing, and the parts add up."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prescarbon.config import Config, parse_month
from prescarbon.manifest import to_json
from prescarbon.pack import way_back
from prescarbon.pack.folder import Pack
from prescarbon.pack.restatements import find_restatements
from prescarbon.pack.write import write_report
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.footprint import footprint_of
from prescarbon.source.files import take_file
from prescarbon.store.months import Store

GENERIC = "0301011R0AAAPAP"  # salbutamol 100 micrograms, whose brand nobody knows
LAST = "2026-01"
GP = "GP practices of the organisations files"
NO_TABLES = "the earlier pack holds no tables to recompute it from"
PART = re.compile(r"(.*?) \(([+-][\d,]+\.\d) kg\)(?:; |$)")

Entries = list[dict[str, Any]]


def kept(evidence: Evidence, to: Path, restatements: Entries | None = None) -> Path:
    """What of a pack a later run is compared with: the manifest, the footprint and the factors, and no page."""
    (to / "data").mkdir(parents=True)
    manifest = replace(evidence.manifest("report"), restatements=tuple(restatements or ()))
    (to / "manifest.json").write_text(manifest.to_json(), "utf-8")
    evidence.footprint.write_parquet(to / "data" / "footprint.parquet")
    pl.concat([evidence.factors, evidence.spend]).collect().write_parquet(to / "data" / "factors.parquet")
    evidence.prices.table.write_parquet(to / "data" / "prices.parquet")
    return to


def without_tables(pack: Path) -> Path:
    shutil.rmtree(pack / "data")
    return pack


def say(pack: Path, **changes: Any) -> Path:
    """The pack with other words in its manifest."""
    file = pack / "manifest.json"
    file.write_text(to_json(json.loads(file.read_text("utf-8")) | changes), "utf-8")
    return pack


def settings_of(pack: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((pack / "manifest.json").read_text("utf-8"))["settings"]
    return found


def change_table(pack: Path, name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Path:
    file = pack / "data" / f"{name}.parquet"
    change(pl.read_parquet(file)).write_parquet(file)
    return pack


def parts(entry: dict[str, Any]) -> list[tuple[str, float]]:
    """(words, kg) of each cause; together they are the whole difference, to the tenth of a kilogram that is printed."""
    found = [(words, float(kg.replace(",", ""))) for words, kg in PART.findall(entry["because"])]
    whole = entry["says_kg"] - entry["said_kg"]
    assert sum(kg for _, kg in found) == pytest.approx(whole, abs=0.05 * len(found) + 1e-9)
    return found


def causes(entries: Entries) -> set[str]:
    return {words for entry in entries for words, _ in parts(entry)}


def of_month(entries: Entries, what: str, month: str = LAST) -> dict[str, Any]:
    (entry,) = (e for e in entries if (e["month"], e["what"]) == (month, what))
    return entry


def kilograms(evidence: Evidence, code: str) -> float:
    rows = evidence.footprint.filter(pl.col("month") == parse_month(LAST), pl.col("bnf_code") == code)
    return float(rows["kg_co2e"].sum())


def practices_of(evidence: Evidence) -> list[str]:
    return sorted(evidence.footprint["practice_code"].unique())


@pytest.fixture(scope="module")
def usual(small: Path) -> Evidence:
    """Every GP practice of the small store under the usual settings."""
    return gather(Config(home=small, out=small, scope=("gp",), is_scope_given=True))


@pytest.fixture(scope="module")
def ar5(usual: Evidence) -> Evidence:
    return gather(replace(usual.config, gwp_basis="AR5"))


@pytest.fixture
def earlier(usual: Evidence, tmp_path: Path) -> Path:
    """The earlier pack of the usual settings."""
    return kept(usual, tmp_path / "earlier")


@pytest.fixture
def own_home(small: Path, tmp_path: Path) -> Path:
    """A copy of the small store that a test may change."""
    return shutil.copytree(small, tmp_path / "home")


def test_a_report_tells_of_the_pack_it_replaces(config: Config) -> None:
    def entries(pack: Pack) -> Entries:
        found: Entries = json.loads((pack.folder / "manifest.json").read_text("utf-8"))["restatements"]
        return found

    assert entries(write_report(config)) == []
    after = entries(write_report(replace(config, gwp_basis="AR5")))
    assert len(after) == 2 * 14  # inhalers and all, each month
    assert causes(after) == {"gwp_basis was AR6, is AR5"}
    assert causes(after) | {"gwp_basis was AR5, is AR6"} == causes(entries(write_report(config)))


def test_the_same_again_restates_nothing(earlier: Path, usual: Evidence) -> None:
    assert find_restatements(earlier, usual) == []
    assert find_restatements(None, usual) == []


def test_a_brand_mix_is_named_with_both_values_and_what_it_moved(earlier: Path, usual: Evidence) -> None:
    after = gather(replace(usual.config, brand_mix={GENERIC: 0.1}))
    entry = of_month(find_restatements(earlier, after), "inhalers")
    ((words, kg),) = parts(entry)
    assert words == f"brand_mix was as shipped, is {GENERIC} 0.1"
    moved = kilograms(after, GENERIC) - kilograms(usual, GENERIC)
    assert moved < -1
    assert entry["says_kg"] - entry["said_kg"] == pytest.approx(moved)
    assert kg == pytest.approx(moved, abs=0.05)


def test_two_settings_and_a_factor_share_a_difference(earlier: Path, usual: Evidence, own_reference: Path) -> None:
    factor = change_mass(own_reference)
    changes = {"reference": own_reference, "gwp_basis": "AR5", "brand_mix": {GENERIC: 0.1}}
    found = find_restatements(earlier, gather(replace(usual.config, **changes)))
    for what in ("inhalers", "all"):
        words = [words for words, _ in parts(of_month(found, what))]
        assert words[:2] == ["gwp_basis was AR6, is AR5", f"brand_mix was as shipped, is {GENERIC} 0.1"]
        assert len(words) == 3
        assert set(moved_factors(words[2])) == {factor, "generic-salbutamol-pmdi-2025"}


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


def test_a_changed_factor_is_named(earlier: Path, usual: Evidence, own_reference: Path) -> None:
    factor = change_mass(own_reference)
    found = find_restatements(earlier, gather(replace(usual.config, reference=own_reference)))
    ((words, kg),) = parts(of_month(found, "inhalers"))
    named = moved_factors(words)
    assert set(named) == {factor, "generic-salbutamol-pmdi-2025"}  # the generic is a mix of it and another brand
    assert min(named.values()) > 1
    assert sum(named.values()) == pytest.approx(kg, abs=0.1)


def test_a_step_that_changes_nothing_estimates_nothing(
    earlier: Path, ar5: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimated: list[pl.DataFrame] = []

    def estimate(*given: Any) -> pl.DataFrame:
        estimated.append(footprint_of(*given))
        return estimated[-1]

    monkeypatch.setattr(way_back, "footprint_of", estimate)
    assert find_restatements(earlier, ar5)
    assert len(estimated) == 1


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


def test_a_month_published_again_names_the_presentation(earlier: Path, usual: Evidence, own_home: Path) -> None:
    publish_again(own_home, LAST, "0301011R0BEAIAP", 2)
    found = find_restatements(earlier, gather(replace(usual.config, home=own_home)))
    ((words, kg),) = parts(of_month(found, "inhalers"))
    assert words == f"the month was published again: 0301011R0BEAIAP {kg:+,.1f}"
    assert kg > 1
    assert {e["month"] for e in found} == {LAST}


def test_a_base_month_published_again_moves_the_prices_of_the_others(
    earlier: Path, usual: Evidence, own_home: Path
) -> None:
    """No month but the first changed: the rest of the year moves by constant prices alone, and says so."""
    first = f"{usual.months[0]:%Y-%m}"
    publish_again(own_home, first, most_costly(own_home, first), 3)
    found = find_restatements(earlier, gather(replace(usual.config, home=own_home)))
    words = {words for words, _ in parts(of_month(found, "all"))}
    assert words == {f"constant prices: a month that they rest on was published again ({first})"}
    assert any(w.startswith("the month was published again: ") for w, _ in parts(of_month(found, "all", first)))


def most_costly(home: Path, month: str) -> str:
    """The medicine that costs most of those whose kilograms are of spend."""
    rows = Store(home).scan([parse_month(month)]).filter(~pl.col("bnf_code").str.starts_with("03"))
    return str(
        rows.group_by("bnf_code").agg(pl.col("nic_gbp").sum()).sort("nic_gbp", descending=True).collect()["bnf_code"][0]
    )


def test_what_the_earlier_run_had_no_row_of_is_no_matter_of_prices(usual: Evidence, tmp_path: Path) -> None:
    code = most_costly(usual.config.home, LAST)
    fewer = replace(usual, footprint=usual.footprint.filter(pl.col("bnf_code") != code))
    entry = of_month(find_restatements(kept(fewer, tmp_path / "earlier"), usual), "all")
    ((words, kg),) = parts(entry)
    assert words == f"products or readings of quantities changed: {code} {kg:+,.1f}"
    assert kg > 0


def test_a_base_period_that_was_chosen_is_named(earlier: Path, usual: Evidence) -> None:
    found = find_restatements(earlier, gather(replace(usual.config, price_base="2025-06:2025-07")))
    assert causes(found) == {"price_base was not set, is 2025-06:2025-07"}
    assert {e["what"] for e in found} == {"all"}  # no price is in an inhaler's kilograms


@pytest.mark.parametrize("has_tables", [True, False])
def test_an_older_month_that_was_loaded_moves_the_base_period(
    usual: Evidence, own_home: Path, tmp_path: Path, has_tables: bool
) -> None:
    first = f"{usual.months[0]:%Y-%m}"
    (own_home / "months" / f"{first}.json").unlink()
    pack = kept(gather(replace(usual.config, home=own_home)), tmp_path / "earlier")
    found = find_restatements(pack if has_tables else without_tables(pack), usual)
    assert causes(found) == {"constant prices: the base period was 2025-01 to 2025-12, is 2024-12 to 2025-11"}
    assert first not in {e["month"] for e in found}  # nobody said anything of it before


def test_a_month_more_in_a_chosen_base_period_is_named(usual: Evidence, own_home: Path, tmp_path: Path) -> None:
    pinned = replace(usual.config, home=own_home, price_base="2024-06:2025-01")
    (own_home / "months" / "2025-01.json").unlink()
    pack = kept(gather(pinned), tmp_path / "earlier")
    found = find_restatements(pack, gather(replace(pinned, home=usual.config.home)))
    assert causes(found) == {"constant prices: they rest on other months (2025-01)"}


def test_other_deflators_are_named(earlier: Path, usual: Evidence, own_reference: Path) -> None:
    file = own_reference / "factors" / "gdp-deflator.csv"
    file.write_text(file.read_text("utf-8").replace("2024,100,", "2024,101,"), "utf-8")
    found = find_restatements(earlier, gather(replace(usual.config, reference=own_reference)))
    assert causes(found) == {"constant prices: the £ are deflated by other values"}


def test_another_window_moves_no_price(usual: Evidence, tmp_path: Path) -> None:
    pack = kept(gather(usual.config, last_month=parse_month("2025-12"), months=3), tmp_path / "earlier")
    assert find_restatements(pack, gather(usual.config, months=3)) == []


def test_a_pack_that_does_not_say_its_base_period_is_compared_all_the_same(earlier: Path, usual: Evidence) -> None:
    say(earlier, price_base=None)
    change_table(earlier, "prices", lambda prices: prices.with_columns(pl.col("price_gbp") * 2))
    change_table(
        earlier, "footprint", lambda rows: rows.with_columns((pl.col("kg_co2e") * 2).cast(rows["kg_co2e"].dtype))
    )
    manifest = json.loads((earlier / "manifest.json").read_text("utf-8"))
    say(earlier, kg_by_month=[row | {"all": row["all"] * 2} for row in manifest["kg_by_month"]])
    words = causes(find_restatements(earlier, usual))
    assert "constant prices: the earlier pack does not say its base period" in words


def test_a_pack_without_its_prices_says_so(earlier: Path, usual: Evidence, own_reference: Path) -> None:
    say(earlier, price_base=None)
    (earlier / "data" / "prices.parquet").unlink()
    file = own_reference / "factors" / "gdp-deflator.csv"
    file.write_text(file.read_text("utf-8").replace("2024,100,", "2024,101,"), "utf-8")
    found = find_restatements(earlier, gather(replace(usual.config, reference=own_reference)))
    assert {re.sub(r": .*", "", words) for words in causes(found)} == {
        "constant prices, products or readings of quantities changed"
    }


def test_another_scope_names_the_practices(earlier: Path, usual: Evidence, tmp_path: Path) -> None:
    first, *others = practices_of(usual)
    fewer = gather(replace(usual.config, scope=(first,)))
    prefix = f"scope was {GP}, is {first}: "
    ((words, kg),) = parts(of_month(find_restatements(earlier, fewer), "inhalers"))
    assert words.startswith(prefix)
    assert sorted(re.findall(r"[A-Z]\d{5}", words.removeprefix(prefix))) == others
    assert kg < 0
    back = find_restatements(kept(fewer, tmp_path / "fewer"), usual)
    assert all(words.startswith(f"scope was {first}, is {GP}: ") for words in causes(back))


@pytest.mark.parametrize("has_tables", [True, False])
def test_a_default_scope_that_gave_way_is_called_what_it_was(usual: Evidence, tmp_path: Path, has_tables: bool) -> None:
    gave_way = gather(Config(home=usual.config.home, out=tmp_path))
    pack = kept(gave_way, tmp_path / "earlier")
    found = causes(find_restatements(pack if has_tables else without_tables(pack), usual))
    assert found
    assert all(words.startswith(f"scope was every practice found, is {GP}: ") for words in found)


def test_the_same_words_of_scope_may_mean_other_practices(usual: Evidence, tmp_path: Path) -> None:
    codes = practices_of(usual)
    listed = tmp_path / "codes.txt"
    config = replace(usual.config, scope=(f"file:{listed}",))
    listed.write_text("\n".join(codes[:2]))
    pack = kept(gather(config), tmp_path / "earlier")
    listed.write_text("\n".join(codes[1:]))
    ((words, _),) = parts(of_month(find_restatements(pack, gather(config)), "inhalers"))
    assert words.startswith("the scope holds other practices: ")
    assert sorted(re.findall(r"[A-Z]\d{5}", words)) == [codes[0], codes[2]]


@pytest.mark.parametrize("has_tables", [True, False])
def test_a_scope_that_is_gone_is_known_from_the_tables_alone(usual: Evidence, tmp_path: Path, has_tables: bool) -> None:
    listed = tmp_path / "codes.txt"
    listed.write_text(practices_of(usual)[0])
    pack = kept(gather(replace(usual.config, scope=(f"file:{listed}",))), tmp_path / "earlier")
    listed.unlink()
    found = find_restatements(pack if has_tables else without_tables(pack), usual)
    ((words, _),) = parts(of_month(found, "inhalers"))
    scope = f"scope was file:{listed}, is {GP}"
    if has_tables:
        assert words.startswith(f"{scope}: ")
    else:
        assert words.startswith(f"{scope}, which cannot be recomputed: ")
        assert words.endswith(f"; not found; {NO_TABLES}")


def test_a_factor_set_that_is_gone_is_named_and_the_walk_goes_on(
    usual: Evidence, own_home: Path, tmp_path: Path
) -> None:
    own = own_home / "factors" / "mine.csv"
    own.parent.mkdir()
    row = "0301011R0BEAIAP,Ventolin,99,propellant,AR4,mine"
    own.write_text(f"key,product_name,kg_co2e,scope,gwp_basis,source_id\n{row}\n")
    config = replace(usual.config, home=own_home)
    pack = kept(
        gather(replace(config, factor_set="mine", coverage_floor=0.0, price_base="2025-06:2025-06")),
        tmp_path / "earlier",
    )
    own.unlink()
    entry = of_month(find_restatements(pack, gather(config)), "all")
    gone = "factor_set was mine, is harmonised, which cannot be recomputed: there is no factor set 'mine'"
    first, *others = [words for words, _ in parts(entry)]
    assert first.startswith(gone)
    assert first.endswith("; price_base was 2025-06:2025-06, is not set")  # the failed step has no kilograms of its own
    assert [words.partition(":")[0] for words in others] == ["factors changed"]


@pytest.mark.parametrize(("key", "value"), [("gwp_basis", "AR9"), ("brand_mix", None), ("price_base", "x")])
def test_a_setting_that_is_no_longer_allowed_is_named(earlier: Path, ar5: Evidence, key: str, value: Any) -> None:
    say(earlier, settings=settings_of(earlier) | {key: value})
    found = find_restatements(earlier, ar5)
    assert len(found) == 2 * 14
    for entry in found:
        assert f"{key} was {'not set' if value is None else value}, is " in entry["because"]
        assert f", which cannot be recomputed: the settings: {key}" in entry["because"]
        assert parts(entry)


@pytest.mark.parametrize(
    ("then", "now", "says"),
    [
        ({}, {"gwp_basis": "AR5"}, "gwp_basis was AR6, is AR5"),
        ({"scope": ("all",)}, {}, f"scope was every practice found, is {GP}: "),
        ({"scope": ("pcn:SYN001",)}, {}, f"scope was pcn:SYN001, is {GP}: "),
        ({}, {"scope": ("pcn:SYN001",)}, f"scope was {GP}, is pcn:SYN001: "),
    ],
)
def test_without_tables_settings_are_still_recomputed(
    usual: Evidence, tmp_path: Path, then: dict[str, Any], now: dict[str, Any], says: str
) -> None:
    pack = without_tables(kept(gather(replace(usual.config, **then)), tmp_path / "earlier"))
    found = causes(find_restatements(pack, gather(replace(usual.config, **now))))
    assert found
    assert all(words.startswith(says) for words in found)


def test_without_tables_what_cannot_be_recomputed_says_so(earlier: Path, usual: Evidence, own_reference: Path) -> None:
    change_mass(own_reference)
    after = gather(replace(usual.config, reference=own_reference))
    assert causes(find_restatements(without_tables(earlier), after)) == {f"the reference data changed; {NO_TABLES}"}


@pytest.mark.parametrize(
    "change",
    [
        lambda factors: factors.clear(),
        lambda factors: factors.filter(pl.col("factor_set") == "spend"),
        lambda factors: factors.drop("valid_to"),
        lambda factors: factors.with_columns(pl.col("kg_co2e").cast(pl.String)),
    ],
    ids=["empty", "short", "lacks a column", "another type"],
)
def test_of_a_pack_without_all_its_factors_nobody_says_that_factors_or_products_alone_changed(
    earlier: Path, usual: Evidence, own_reference: Path, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    change_table(earlier, "factors", change)
    change_mass(own_reference)
    found = find_restatements(earlier, gather(replace(usual.config, reference=own_reference)))
    assert {re.sub(r": .*", "", words) for words in causes(found)} == {
        "factors, products or readings of quantities changed"
    }


def test_factors_that_contradict_each_other_are_named(earlier: Path, ar5: Evidence) -> None:
    change_table(earlier, "factors", lambda factors: pl.concat([factors, factors]))
    for entry in find_restatements(earlier, ar5):
        assert "cannot be recomputed: the earlier pack's table of factors contradicts itself" in entry["because"]
        assert parts(entry)[0][0] == "gwp_basis was AR6, is AR5"


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.drop("factor_id"),
        lambda rows: rows.drop("reads_as"),
        lambda rows: rows.with_columns(pl.col("kg_co2e").cast(pl.Float64)),
        lambda rows: rows.with_columns(practice_code=pl.lit(None, pl.String)),
    ],
    ids=["lacks a column", "lacks another", "another type", "empty cells"],
)
def test_a_footprint_that_is_none_is_not_used(
    earlier: Path, ar5: Evidence, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    found = find_restatements(change_table(earlier, "footprint", change), ar5)
    assert causes(found) == {"gwp_basis was AR6, is AR5"}


def test_a_table_that_is_no_parquet_is_not_used(earlier: Path, ar5: Evidence) -> None:
    (earlier / "data" / "footprint.parquet").write_bytes(b"PAR1")
    assert causes(find_restatements(earlier, ar5)) == {"gwp_basis was AR6, is AR5"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [({}, "not explained"), ({"version": "0.0.9"}, "another version of prescarbon (0.0.9 then)")],
)
def test_what_no_step_explains_is_of_another_version_only_where_there_is_one(
    earlier: Path, usual: Evidence, changes: dict[str, Any], says: str
) -> None:
    say(earlier, kg_by_month=[{"month": LAST, "inhalers": 1, "all": None}], **changes)
    (entry,) = find_restatements(earlier, usual)
    assert [words for words, _ in parts(entry)] == [says]


def test_old_entries_stay_and_none_stands_twice(earlier: Path, usual: Evidence, ar5: Evidence, tmp_path: Path) -> None:
    first = find_restatements(earlier, ar5)
    again = kept(ar5, tmp_path / "again", first)
    assert find_restatements(again, ar5) == first
    assert find_restatements(kept(usual, tmp_path / "as it was", first), ar5) == first
    second = find_restatements(again, usual)
    assert second[: len(first)] == first
    assert len(second) == 2 * len(first)
    assert len({json.dumps(e) for e in second}) == len(second)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_pack_is_no_earlier_run(earlier: Path, ar5: Evidence, text: str) -> None:
    (earlier / "manifest.json").write_text(text)
    assert find_restatements(earlier, ar5) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("restatements", value) for value in (None, 5, [5], [{}])),
        *(("kg_by_month", value) for value in (None, [{}], [5], [{"month": LAST, "inhalers": "many"}])),
        *(("inputs", value) for value in (None, [{}])),
        *(("months", value) for value in (None, [], ["x"], ["2026-13"])),
        ("settings", None),
        ("scope", None),
    ],
)
def test_a_manifest_of_another_shape_is_no_earlier_run(earlier: Path, ar5: Evidence, key: str, value: Any) -> None:
    assert find_restatements(say(earlier, **{key: value}), ar5) == []
