"""What a notebook gets: the declared columns, the numbers of the commands, and one sentence where it asks wrongly."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon import open_store
from prescarbon.cli.app import cli
from prescarbon.door import OpenStore
from prescarbon.errors import DefinitionError, InputError, PrescarbonError
from prescarbon.manifest import to_json
from prescarbon.tables.measures import KPI_VALUES, MEASURE_VALUES
from prescarbon.tables.opportunities import OPPORTUNITIES
from prescarbon.tables.prescribing import FOOTPRINT
from prescarbon.tables.schema import Table

SERIES = {"series_code": pl.String}


@pytest.fixture(scope="module")
def store(home: Path) -> OpenStore:
    return open_store(home)


def asked(home: Path, *words: str) -> list[dict[str, object]] | dict[str, list[dict[str, object]]]:
    """What a command prints as JSON."""
    done = CliRunner().invoke(cli, [*words, "--home", str(home), "--scope", "all", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def as_printed(frame: pl.LazyFrame) -> list[dict[str, object]]:
    return json.loads(to_json(frame.collect().to_dicts()))


def test_importing_the_package_is_light():
    code = "import sys, prescarbon; assert not {'polars', 'pydantic', 'click', 'prescarbon.door'} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_package_offers_what_it_exports():
    code = "import prescarbon; assert 'open_store' in dir(prescarbon); assert not hasattr(prescarbon, 'open_stores')"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("question", "table", "more"),
    [
        (lambda s, _: s.footprint(scope="all"), FOOTPRINT, SERIES),
        (lambda s, level: s.measures(level=level, scope="all"), MEASURE_VALUES, {}),
        (lambda s, level: s.opportunities(level=level, scope="all"), OPPORTUNITIES, {}),
        (lambda s, level: s.kpis(level=level, scope="all"), KPI_VALUES, {}),
    ],
    ids=["footprint", "measures", "opportunities", "kpis"],
)
@pytest.mark.parametrize("level", ["practice", "pcn", "sub-icb", "icb", "group"])
def test_every_answer_has_exactly_the_declared_columns(store: OpenStore, question, table: Table, more, level: str):
    answer = question(store, level)
    assert isinstance(answer, pl.LazyFrame)
    frame = answer.collect()
    assert list(frame.schema.items()) == list((table.schema | more).items())
    assert frame.height > 0
    assert not frame.select(table.grain).is_duplicated().any()


@pytest.mark.parametrize("level", ["practice", "pcn", "icb", "place"])
def test_measures_are_those_of_the_command(home: Path, store: OpenStore, level: str):
    told = asked(home, "measures", "run", "--level", level, "--month", "2025-06", "--months", "3")["values"]
    ours = as_printed(store.measures(level=level, scope="all", months="2025-04:2025-06"))
    assert [row.pop("measure_id") for row in ours] == [row.pop("measure") for row in told]
    assert ours == told


def test_measures_need_no_scope_as_the_command_needs_none(store: OpenStore):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.measures("saba").collect().equals(store.measures(["saba"], scope="all").collect())


@pytest.mark.parametrize("level", ["practice", "pcn"])
def test_opportunities_are_those_of_the_command(home: Path, store: OpenStore, level: str):
    told = asked(home, "opportunities", "--level", level)["opportunities"]
    assert told == as_printed(store.opportunities(level=level, scope="all"))


def test_opportunities_signed_off_are_those_of_the_command(home: Path, store: OpenStore):
    told = asked(home, "opportunities", "--level", "icb", "--signed-off-only")["opportunities"]
    assert told == as_printed(store.opportunities(level="icb", scope="all", signed_off_only=True))


@pytest.mark.parametrize("level", ["icb", "pcn"])
def test_kpis_are_those_of_the_command(home: Path, store: OpenStore, level: str):
    assert asked(home, "kpis", "--level", level) == as_printed(store.kpis(level=level, scope="all"))


def test_months_and_scope_choose_the_rows(store: OpenStore):
    everything = store.footprint(scope="all").collect()
    codes = everything["practice_code"].unique().sort()[1:3].to_list()  # the first is "-", what no practice prescribed
    some = store.footprint(scope=codes, months="2025-11:").collect()
    assert some["practice_code"].unique().sort().to_list() == codes
    assert some["month"].dt.strftime("%Y-%m").unique().sort().to_list() == ["2025-11", "2025-12", "2026-01"]
    assert store.footprint(scope=f" {codes[0]}, {codes[1]}", months="2025-11:").collect().equals(some)
    inhalers = pl.col("devices").is_not_null()  # others take the prices of the first of the months asked for
    same = everything.filter(pl.col("practice_code").is_in(codes), pl.col("month") >= some["month"].min())
    assert some.filter(inhalers).equals(same.filter(inhalers))


@pytest.mark.parametrize(
    ("words", "first", "last", "count"),
    [
        ("2025-06", "2025-06", "2025-06", 1),
        (":2024-02", "2023-12", "2024-02", 3),
        ("2025-12:", "2025-12", "2026-01", 2),
        (":", "2023-12", "2026-01", 26),
    ],
)
def test_words_of_months(store: OpenStore, words: str, first: str, last: str, count: int):
    values = store.measures("saba", level="group", months=words, by_month=True).collect()
    months = values["period_start"].dt.strftime("%Y-%m").sort()
    assert (months[0], months[-1], values.height) == (first, last, count)
    assert values["period_end"].equals(values["period_start"], check_names=False)


def test_a_measure_named_twice_is_there_once(store: OpenStore):
    twice = store.measures(["saba", "saba"], scope="all", months="2026-01").collect()
    assert twice.equals(store.measures("saba", scope="all", months="2026-01").collect())


def test_a_group_is_the_whole_scope(store: OpenStore):
    by_practice = store.measures("saba", scope="all", months="2026-01").collect()
    (group,) = store.measures("saba", level="group", scope="all", months="2026-01").collect().to_dicts()
    assert group["numerator"] == by_practice["numerator"].sum()
    lines = store.opportunities(level="group", scope="all").collect()
    of_practices = store.opportunities(scope="all").collect()
    assert lines["organisation_code"].unique().to_list() == ["all practices in scope"]
    assert lines["items"].sum() == of_practices["items"].sum()


def test_a_question_asked_again_is_answered_from_memory(store: OpenStore, monkeypatch: pytest.MonkeyPatch):
    first = store.opportunities(level="pcn", scope="all", months="2025-04:").collect()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("prescarbon.door.gather", never)
    monkeypatch.setattr("prescarbon.door.prepare", never)
    assert store.opportunities(level="pcn", scope=["all"], months="2025-04:").collect().equals(first)
    assert store.measures("saba", level="pcn", scope="all", months="2025-04:2026-01").collect().height == 3


@pytest.fixture
def small(home: Path, tmp_path: Path) -> Path:
    """A store of its own, with three months of which the middle one can be taken out."""
    for folder in ("months", "organisations"):
        (tmp_path / folder).mkdir()
        for file in (home / folder).rglob("*"):
            if file.is_file() and (folder == "organisations" or file.name[:7] in ("2025-11", "2025-12", "2026-01")):
                there = tmp_path / file.relative_to(home)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.hardlink_to(file)
    return tmp_path


def test_a_new_month_is_seen_at_once(small: Path):
    manifest, aside = small / "months" / "2026-01.json", small / "aside.json"
    manifest.rename(aside)
    store = open_store(small)
    assert store.months == ["2025-11", "2025-12"]
    before = store.footprint(scope="all").collect()
    aside.rename(manifest)
    after = store.footprint(scope="all").collect()
    assert (before["month"].n_unique(), after["month"].n_unique()) == (2, 3)


def test_a_list_of_codes_that_changed_is_read_again(home: Path, tmp_path: Path):
    store, listed = open_store(home), tmp_path / "d.txt"
    codes = store.footprint(scope="gp").select(pl.col("practice_code").unique().sort()).collect().to_series()
    for code in codes[:2]:
        listed.write_text(code, "utf-8")
        for question in (store.footprint, store.opportunities, store.measures):
            column = "practice_code" if question == store.footprint else "organisation_code"
            assert question(scope=f"file:{listed}").collect()[column].unique().to_list() == [code]


def test_organisations_imported_again_are_seen_at_once(small: Path):
    store = open_store(small)
    assert store.measures("saba", level="pcn", months="2026-01").collect().height == 3
    for file in (small / "organisations").glob("*"):
        file.rename(small / file.name)
    assert store.measures("saba", level="pcn", months="2026-01").collect().height == 0


def test_a_gap_in_the_months_is_no_quiet_sum(small: Path):
    (small / "months" / "2025-12.json").unlink()
    store = open_store(small)
    with pytest.raises(
        InputError, match=r"months='2025-11:' needs 2025-12, not loaded\. Loaded are 2025-11 to 2026-01"
    ):
        store.measures(months="2025-11:")
    with pytest.warns(UserWarning, match="^2025-12: not held, so no sum over it is whole"):
        assert store.measures("saba", level="group", by_month=True).collect().height == 2


def test_stores_do_not_mix(home: Path, small: Path):
    one, other = open_store(home), open_store(small)
    assert (len(one.months), len(other.months)) == (26, 3)
    assert one.footprint(scope="all").collect()["month"].n_unique() == 26
    assert other.footprint(scope="all").collect()["month"].n_unique() == 3
    assert repr(other) == f"open_store({str(small)!r})"


def test_what_is_to_be_minded_is_a_warning_on_the_line_that_asks(home: Path):
    store = open_store(home)
    questions = (store.footprint, store.opportunities, store.kpis)
    for question, month in zip(questions, store.months[-3:], strict=True):
        with pytest.warns(UserWarning, match="has a row of the default scope") as told:
            question(months=month)
        assert told[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            question(months=month)  # from memory: said once


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda s: s.measures(level="county"), InputError, "'county' is no level"),
        (lambda s: s.opportunities(level="place"), InputError, "'place' is no level"),
        (lambda s: s.kpis(level=""), InputError, "'' is no level"),
        (lambda s: s.measures("inhalers"), InputError, "there is no measure inhalers"),
        (lambda s: s.measures(""), InputError, "there is no measure"),
        (lambda s: s.measures(["saba", "nothing"]), InputError, "there is no measure nothing"),
        (lambda s: s.footprint(months="January"), DefinitionError, "'January' is not a month"),
        (lambda s: s.footprint(months=""), DefinitionError, "'' is not a month. Write it as 2026-01."),
        (lambda s: s.footprint(months=":2020-01"), InputError, "months=':2020-01' names no month that is loaded."),
        (lambda s: s.footprint(months="2025-06:2025-04"), DefinitionError, "ends before it begins"),
        (lambda s: s.footprint(months="2026-02"), InputError, "needs 2026-02, not loaded"),
        (lambda s: s.footprint(months="2027-01:"), InputError, "needs 2027-01, not loaded"),
        (lambda s: s.footprint(months="2025-12:2026-03"), InputError, "needs 2 months from 2026-02 to 2026-03"),
        (lambda s: s.footprint(scope="K99999"), InputError, "belongs to the scope"),
        (lambda s: s.footprint(scope="pcn:"), PrescarbonError, "scope"),
        (lambda s: s.kpis(scope="planet:earth"), PrescarbonError, "planet"),
        (lambda s: s.kpis(scope=" , "), InputError, "the scope is empty"),
        (lambda s: s.kpis(scope=[]), InputError, "the scope is empty"),
        (lambda s: s.kpis(scope=["gp", "K81001"]), DefinitionError, 'names others beside "gp", which stands alone'),
        (lambda s: s.kpis(scope=5), InputError, "scope: 5 is no text. Write one text, or several in a list."),
        (lambda s: s.measures(scope=["gp", 5]), InputError, "scope: 5 is no text"),
        (lambda s: s.measures(5), InputError, "measures: 5 is no text"),
        (lambda s: s.footprint(scope="file:none.txt"), InputError, "none.txt"),
    ],
)
def test_a_wrong_question_is_one_sentence(store: OpenStore, ask, error: type[PrescarbonError], sentence: str):
    with pytest.raises(error) as told:
        ask(store)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


def test_a_wrong_folder_is_told_when_it_is_opened(tmp_path: Path):
    with pytest.raises(InputError, match="no month is loaded here") as told:
        open_store(tmp_path / "typo")
    assert str(tmp_path / "typo") in str(told.value)
    assert not (tmp_path / "typo").exists()


def test_a_home_may_begin_with_the_users_own(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(home.parent))
    assert open_store(f"~/{home.name}").months == open_store(home).months


def test_a_configuration_is_obeyed_and_a_wrong_one_told(home: Path, tmp_path: Path):
    file = tmp_path / "mine.toml"
    code = open_store(home).footprint(scope="all").select(pl.col("practice_code").max()).collect().item()
    file.write_text(f'scope = ["{code}"]\ngwp_basis = "AR4"\n', "utf-8")
    store = open_store(home, config=file)
    assert store.footprint().collect()["practice_code"].unique().to_list() == [code]
    assert store.measures("saba").collect()["organisation_code"].to_list() == [code]
    file.write_text("scoop = 1\n", "utf-8")
    with pytest.raises(DefinitionError, match="unknown key scoop"):
        open_store(home, config=file)


def test_too_little_coverage_stops_totals_but_no_measure(home: Path, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('scope = "all"\ncoverage_floor = 1.0\n', "utf-8")
    store = open_store(home, config=file)
    assert store.measures("saba", months="2026-01").collect().height > 0
    with pytest.raises(PrescarbonError, match=r"the floor is 100%\. Without one: a product \("):
        store.footprint(months="2026-01")


def test_the_help_names_units_grain_and_errors():
    assert "Raises:" in open_store.__doc__
    assert all(
        word in OpenStore.__doc__ for word in ("scope", "months", "InputError", "DefinitionError", "CoverageError")
    )
    for method in (OpenStore.footprint, OpenStore.measures, OpenStore.opportunities, OpenStore.kpis):
        assert "Table " in method.__doc__
        assert "×" in method.__doc__
        assert "unit" in method.__doc__ or "£" in method.__doc__
