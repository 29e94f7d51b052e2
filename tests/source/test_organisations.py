import gzip
import random
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.organisations import FOREVER, in_scope, practices_in_force
from prescarbon.model.people import list_sizes_for
from prescarbon.pipeline.scope import expand_scope, read_practices
from prescarbon.reference.definitions import read_reference, reference_of
from prescarbon.source.organisation_files import kind_of, read_organisation_file
from prescarbon.source.organisations import import_organisations
from prescarbon.store.organisations import read_list_sizes, read_practice_traits
from tests.frames import NO_LINKS

EPRACCUR_ROW = (
    '"E81001","A PRACTICE","Y61","QHG","","","","","","MK1 1AA","19740401","","A","B","M1J4Y","20210401","",'
    '"","","","","0","","M1J4Y","","4",""'
)
SIZES = "PUBLICATION,EXTRACT_DATE,TYPE,CCG_CODE,ONS_CCG_CODE,CODE,POSTCODE,SEX,AGE,NUMBER_OF_PATIENTS\n"
KINDS = {
    "epraccur_2022-12.csv.gz": "epraccur",
    "epraccur_2025-autumn.csv.gz": "epraccur",
    "ePCN_2023-01.xlsx": "ePCN",
    "ePCN_2026-02.xlsx": "ePCN",
    "gp-reg-pat-prac-all_2021-01.csv": "list size",
    "gp-reg-pat-prac-map_2022-07.xlsx": "practice map",
    "MAPPING_NHS_GEOGRAPHIES_2021.csv.gz": "geography",
    "subicb_to_icb_lookup_2022-07.xlsx": "sub-ICB lookup",
    "practice_imd2019.csv": "IMD",
    "qof_2018-19_asthma_copd_by_practice.csv.gz": "QOF by year",
    "qof_2020-21_AST_COPD_by_practice.csv.gz": "QOF by disease",
}


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def store_bytes(home: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in sorted((home / "organisations").iterdir())}


@pytest.fixture(scope="module")
def files(real: Path) -> list[Path]:
    old = real / "epd-2017"
    return [*(real / "geography" / name for name in KINDS), old / "epraccur_2017_08.csv", *sorted(old.glob("gp-reg*"))]


@pytest.fixture(scope="module")
def home(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    import_organisations(files, home)
    return home


@pytest.mark.real
def test_each_published_file_is_known_by_its_content_not_its_name(files: list[Path], tmp_path: Path):
    assert {f.name: kind_of(f) for f in files if f.name in KINDS} == KINDS
    disguised = shutil.copy(files[0], tmp_path / "list-sizes.txt")
    assert kind_of(Path(disguised)) == "epraccur"


@pytest.mark.real
def test_prescribing_files_and_measures_are_none_of_them(real: Path):
    others = [
        *real.glob("epd-*/epd_*"),
        *real.glob("published-measures/*.csv"),
        *real.glob("nhsbsa*/*.json"),
        *real.glob("*/*.zip"),
    ]
    assert len(others) >= 5
    assert [f.name for f in others if kind_of(f)] == []


@pytest.mark.real
def test_every_row_is_used_rejected_or_not_needed(files: list[Path], tmp_path: Path):
    taken = import_organisations(files, tmp_path)
    assert all(t.rows_in == t.rows_used + t.rows_rejected + t.rows_not_needed for t in taken)
    assert sum(t.rows_rejected for t in taken) == 0
    by_name = {t.file_name: t for t in taken}
    autumn = by_name["epraccur_2025-autumn.csv.gz"]
    assert (autumn.rows_in, autumn.as_of) == (16_685, "2025-10-01")
    assert "autumn" in autumn.as_of_from
    assert by_name["epraccur_2017_08.csv"].as_of == "2017-08-01"
    assert by_name["gp-reg-pat-prac-quin-age_2017_09.csv"].rows_used == 4


@pytest.mark.real
def test_any_order_gives_the_same_bytes_and_twice_changes_nothing(files: list[Path], home: Path, tmp_path: Path):
    shuffled = files.copy()
    random.Random(1).shuffle(shuffled)
    for file in shuffled:
        import_organisations([file], tmp_path)
    assert store_bytes(tmp_path) == store_bytes(home)
    again = import_organisations(files, tmp_path)
    assert {t.status for t in again} == {"unchanged"}
    assert store_bytes(tmp_path) == store_bytes(home)


@pytest.mark.real
def test_blmk_in_february_2026(home: Path):
    """Counted in the files by hand: 86 rows of commissioner M1J4Y, status A, setting 4; 25 networks."""
    force = practices_in_force(read_practices(home, read_reference()), [date(2026, 2, 1)]).collect()
    assert force["practice_code"].is_unique().all()
    active = force.filter("is_active", pl.col("setting") == "GP practice", pl.col("sub_icb_code") == "M1J4Y")
    assert (active.height, active["pcn_code"].drop_nulls().n_unique()) == (86, 25)
    assert active["pcn_code"].null_count() == 4  # Greensands (Potton), Ivel, Bedoc, Medicus have no current row in ePCN
    assert active["icb_code"].unique().to_list() == ["QHG"]


@pytest.mark.real
def test_one_practice_in_its_network_at_two_dates(home: Path):
    """ePCN February 2026: Flitwick Surgery in U52875 to 31 March 2022, in U26493 from 23 April 2023."""
    practices = read_practices(home, read_reference()).filter(pl.col("practice_code") == "E81015")
    seen = {
        m: practices_in_force(practices, [m]).collect()["pcn_name"][0]
        for m in (date(2022, 3, 1), date(2022, 6, 1), date(2024, 1, 1))
    }
    assert seen == {
        date(2022, 3, 1): "H IS FOR HEALTH PCN",
        date(2022, 6, 1): None,
        date(2024, 1, 1): "GREEN VALE HEALTH PCN",
    }


@pytest.mark.real
def test_four_practices_of_2017_with_their_commissioner_then_and_now(home: Path):
    codes = ["B85010", "B85054", "L84018", "L84073"]
    practices = read_practices(home, read_reference()).filter(pl.col("practice_code").is_in(codes))

    def commissioners(membership: str) -> list[str]:
        return practices_in_force(practices, [date(2017, 9, 1)], membership).collect()["sub_icb_code"].to_list()

    assert commissioners("as then") == ["03A", "03A", "11M", "11M"]
    assert commissioners("as now") == ["X2C4Y", "X2C4Y", "11M", "11M"]
    sizes = list_sizes_for(read_list_sizes(home), [date(2017, 9, 1), date(2017, 11, 1)], practices, NO_LINKS).collect()
    dalton = (
        sizes.filter(pl.col("practice_code") == "B85010").select("month", "patients", "is_carried", "from_month").rows()
    )
    assert dalton[0] == (date(2017, 9, 1), 6939, False, date(2017, 9, 1))
    assert dalton[1][2:] == (True, date(2017, 10, 1))


@pytest.mark.real
def test_traits_read_decimal_commas_and_thousand_dots(home: Path):
    traits = read_practice_traits(home).collect()

    def of(practice: str, year: int) -> dict[str, object]:
        is_wanted = (pl.col("practice_code") == practice) & (pl.col("as_of").dt.year() == year)
        return traits.filter(is_wanted, pl.col("asthma_register").is_not_null()).row(0, named=True)

    printed = of("F83023", 2019)  # 1.103 of 21.623 in the file: people, not decimals
    assert (printed["asthma_register"], printed["asthma_list"]) == (1103, 21_623)
    densham = of("A81001", 2021)
    assert [densham[c] for c in ("asthma_register", "asthma_list", "copd_register", "copd_list")] == [
        333,
        3852,
        116,
        4098,
    ]
    imd = traits.filter(pl.col("practice_code") == "A81001")["imd_score"].drop_nulls().to_list()
    assert imd == [34.5687225678029]


@pytest.mark.real
def test_the_reference_list_is_what_the_published_files_say(real: Path, tmp_path: Path):
    geography = real / "geography"
    import_organisations([geography / "epraccur_2025-autumn.csv.gz", geography / "ePCN_2026-02.xlsx"], tmp_path)
    from_files = in_scope(read_practices(tmp_path, read_reference()), ["blmk"])
    recent = pl.col("closed").is_null() | (pl.col("closed") >= date(2017, 1, 1))
    assert from_files.filter(recent).collect().equals(read_reference().blmk.collect())


def test_the_reference_list_alone_serves_when_nothing_is_imported(tmp_path: Path):
    practices = read_practices(tmp_path, read_reference()).collect()
    assert practices.equals(read_reference().blmk.collect())
    now = practices.filter(pl.col("valid_to") == FOREVER)
    assert now["practice_code"].n_unique() == now.height == 86
    assert now["pcn_code"].drop_nulls().n_unique() == 25
    assert set(practices["sub_icb_code"].drop_nulls()) == {"M1J4Y", "06F", "06P", "04F"}
    assert read_list_sizes(tmp_path).collect().is_empty()


def test_a_bad_row_is_rejected_with_its_line_and_the_rest_is_used(tmp_path: Path):
    rows = [
        EPRACCUR_ROW,
        EPRACCUR_ROW.replace("E81001", "E81002").replace("19740401", "19741332"),
        EPRACCUR_ROW.replace("E81001", "=CMD()"),
        EPRACCUR_ROW.replace("E81001", "E81004").replace('"A","B"', '"Z","B"'),
        EPRACCUR_ROW,
    ]
    reading = read_organisation_file(write(tmp_path / "epraccur_2024-01.csv", "\n".join(rows) + "\n"))
    assert reading.rows["practice_code"].to_list() == ["E81001"]
    assert reading.rejected.rows() == [
        (2, "column_11 is unreadable"),
        (3, "practice_code is no code"),
        (4, "is_in_use is empty or unreadable"),
        (5, "the same row key a second time"),
    ]


def test_a_line_with_other_fields_or_an_open_quote_is_rejected_and_hides_no_other(tmp_path: Path):
    one, two, three, four = (EPRACCUR_ROW.replace("E81001", f"E8100{n}") for n in (1, 2, 3, 4))
    cut = ",".join(two.split(",")[:20])  # its prescribing setting is gone: no GP practice in silence
    lines = [one, cut, f"{three},more", four.replace(",", ',"', 1), one.replace("E81001", "E81005")]
    reading = read_organisation_file(write(tmp_path / "epraccur_2024-01.csv", "\n".join(lines)))
    assert reading.rows["practice_code"].to_list() == ["E81001", "E81005"]
    assert reading.rejected.rows() == [
        (2, "20 fields, a row has 27"),
        (3, "28 fields, a row has 27"),
        (4, "a quote opens or closes that has no partner on its line"),
    ]
    assert reading.rows_in == 5  # 2 used + 3 rejected


def test_control_characters_in_names_are_cleaned_counted_and_said(tmp_path: Path):
    rows = [
        EPRACCUR_ROW,
        EPRACCUR_ROW.replace("E81001", "\ufeffE81002").replace("A PRACTICE", "A PRAC\x00TICE\u2028ONE"),
    ]
    file = write(tmp_path / "epraccur_2024-01.csv", "\n".join(rows))
    reading = read_organisation_file(file)
    assert reading.texts_cleaned == 2  # a code and a name
    assert reading.rows["practice_code"].to_list() == ["E81001", "E81002"]
    assert reading.rows["practice_name"].to_list() == ["A PRACTICE", "A PRACTICE ONE"]


def test_a_date_comes_from_the_name_else_the_option_else_the_newest_date(tmp_path: Path):
    named, plain = (write(tmp_path / n, EPRACCUR_ROW + "\n") for n in ("epraccur_2024-01.csv", "epraccur.csv"))
    assert read_organisation_file(named).as_of == date(2024, 1, 1)
    assert read_organisation_file(plain, date(2023, 5, 9)).as_of == date(2023, 5, 1)
    assert read_organisation_file(plain).as_of == date(2021, 4, 1)
    assert read_organisation_file(plain).as_of_from == "the newest date in the file"


def test_list_size_rejects_what_is_no_number(tmp_path: Path):
    body = "P,01JAN2021,GP,M1J4Y,E,E81001,X,ALL,ALL,1000\nP,01JAN2021,GP,M1J4Y,E,E81002,X,ALL,ALL,many\n"
    reading = read_organisation_file(write(tmp_path / "sizes.csv", SIZES + body))
    assert reading.rows.select("practice_code", "month", "patients").rows() == [("E81001", date(2021, 1, 1), 1000)]
    assert reading.rejected.rows() == [(3, "patients is empty or unreadable")]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html><body>Not found</body></html>", b"PK\x03\x04 cut short", b"\x1f\x8b\x08\x00 not gzip", bytes(range(256)) * 9,
     EPRACCUR_ROW.rsplit(",", 3)[0].encode()],
)  # fmt: skip
def test_a_strange_file_gets_one_sentence_and_nothing_is_written(content: bytes, tmp_path: Path):
    strange = tmp_path / "epraccur_2024-01.csv"
    strange.write_bytes(content)
    good = write(tmp_path / "epraccur_2024-02.csv", EPRACCUR_ROW + "\n")
    with pytest.raises(
        InputError, match=r"^epraccur_2024-01.csv: this is no organisations file\. It should be epraccur"
    ):
        import_organisations([good, strange], tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_truncated_download_is_named_and_the_store_is_untouched(tmp_path: Path):
    whole = gzip.compress(
        "".join(EPRACCUR_ROW.replace("E81001", f"E{i:05}") + "\n" for i in range(5000)).encode(), mtime=0
    )
    cut = tmp_path / "epraccur_2024-01.csv.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="this epraccur file is broken"):
        import_organisations([cut], tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_file_without_one_good_row_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no row of this list size file"):
        read_organisation_file(
            write(tmp_path / "sizes.csv", SIZES + "P,soon,GP,M1J4Y,E,E81001,X,ALL,ALL,1000\n"), date(2021, 1, 1)
        )


def test_an_unfinished_import_is_not_read_and_the_next_one_completes_it(tmp_path: Path):
    file = write(tmp_path / "epraccur_2024-01.csv", EPRACCUR_ROW.replace("E81001", "A81001") + "\n")
    import_organisations([file], tmp_path)
    before = store_bytes(tmp_path)
    next((tmp_path / "organisations").glob("*.json")).unlink()  # as a kill between the two writes leaves it
    assert "A81001" not in read_practices(tmp_path, read_reference()).collect()["practice_code"]
    assert import_organisations([file], tmp_path)[0].status == "imported"
    assert store_bytes(tmp_path) == before


QOF = "PRACTICE_CODE,GROUP_CODE,REGISTER,PRACTICE_LIST_SIZE\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "sizes.csv",
            SIZES.replace("TYPE", "CODE"),
            "column CODE stands twice in the header. Remove the one that is wrong.",
        ),
        (
            "sizes.csv",
            "EXTRACT_DATE,NUMBER_OF_PATIENTS\n01JAN2021,5\n",
            "the list-size file has no column CODE or ORG_CODE",
        ),
        ("qof.csv", "practiceCode;AST_N_1819;COPD_N_1819\nE81001;1;2\n", "the QOF file has no column allAges_1819"),
        (
            "qof.csv",
            "practiceCode;AST_N_;COPD_N_1819\nE81001;1;2\n",
            "the QOF file has no column AST_N_ with a year such as 1819",
        ),
        ("qof.csv", QOF + "E81001,AST,5,100\n", "nothing says which month this file describes. Give --as-of YYYY-MM"),
        ("other.csv", "A,B\n1,2\n", "this is no organisations file"),
    ],
)
def test_a_file_that_lacks_what_it_should_have_is_named_with_the_lack(
    name: str, content: str, says: str, tmp_path: Path
):
    with pytest.raises(InputError) as caught:
        read_organisation_file(write(tmp_path / name, content))
    assert str(caught.value).startswith(f"{name}: {says}")


def test_epcn_is_read_with_headings_that_hold_line_breaks_and_dates_as_printed(tmp_path: Path):
    member = {
        "Partner\nOrganisation Code": ["E81001", "E81002"],
        "Partner Name": ["A", "B"],
        "PCN Code": ["U1", None],
        "PCN Name ": ["NORTH", "SOUTH"],
        "Practice Parent Sub ICB Loc Code": ["M1J4Y", "M1J4Y"],
        "Practice to PCN Relationship Start Date": ["20220401", "01/04/2022"],
        "Practice to PCN Relationship End Date": ["2023-03-31", None],
    }
    pl.DataFrame(member).write_excel(tmp_path / "ePCN_2024-01.xlsx")
    reading = read_organisation_file(tmp_path / "ePCN_2024-01.xlsx")
    (row,) = reading.rows.to_dicts()
    assert (reading.kind, row["pcn_name"]) == ("ePCN", "NORTH")
    assert (row["member_from"], row["member_to"]) == (date(2022, 4, 1), date(2023, 3, 31))
    assert reading.rejected.rows() == [(3, "pcn_code is empty or unreadable")]


def test_a_map_leaves_out_practices_in_no_network_and_counts_them(tmp_path: Path):
    head = "PRACTICE_CODE,PRACTICE_NAME,PCN_ODS_CODE,PCN_NAME,CCG_ODS_CODE,STP_ODS_CODE\n"
    body = "E81001,A,U10001,NORTH,M1J4Y,QHG\nE81002,B,U,UNALLOCATED,M1J4Y,QHG\nE81003,C,,,M1J4Y,QHG\n"
    reading = read_organisation_file(write(tmp_path / "map_2021.csv", head + body))
    assert (reading.kind, reading.rows_in, reading.rows_not_needed, reading.as_of) == (
        "geography",
        3,
        2,
        date(2021, 1, 1),
    )
    assert reading.rows["practice_code"].to_list() == ["E81001"]


def test_a_lookup_names_the_board_of_each_sub_icb_location(tmp_path: Path):
    cells = {
        "Sub ICB Location ODS Code": ["M1J4Y"], "Sub ICB Location Name": ["BLMK"],
        "ICB Code": ["QHG"], "Integrated Care Board Name": ["NHS BLMK"],
    }  # fmt: skip
    pl.DataFrame(cells).write_excel(tmp_path / "lookup_2022-07.xlsx")
    reading = read_organisation_file(tmp_path / "lookup_2022-07.xlsx")
    assert reading.rows.rows() == [(date(2022, 7, 1), "M1J4Y", "BLMK", "QHG", "NHS BLMK")]


TRAITS = ("imd_score", "asthma_register", "asthma_list", "copd_register", "copd_list")


@pytest.mark.parametrize(
    ("name", "content", "as_of", "traits", "not_needed"),
    [
        ("imd_2019-09.csv", "practice_code,imd_score,imd_decile\nE81001,34.5,1\n", date(2019, 9, 1), (34.5, None, None, None, None), 0),
        ("qof_2020-21.csv", QOF + "E81001,AST,333,3852\nE81001,COPD,116,4098\nE81001,DM,9,9\n", date(2021, 3, 1),
         (None, 333, 3852, 116, 4098), 1),
        ("qof.csv", "practiceCode;AST_N_1819;COPD_N_1819;allAges_1819\nE81001;1.103;:;21.623\n", date(2019, 3, 1),
         (None, 1103, 21_623, None, 21_623), 0),
    ],
    ids=["IMD", "QOF by disease", "QOF by year, thousands with dots"],
)  # fmt: skip
def test_traits_of_a_practice_come_from_each_kind_of_file(name, content, as_of, traits, not_needed, tmp_path: Path):
    reading = read_organisation_file(write(tmp_path / name, content))
    (row,) = reading.rows.to_dicts()
    assert (row["practice_code"], row["as_of"], reading.rows_not_needed) == ("E81001", as_of, not_needed)
    assert tuple(row[t] for t in TRAITS) == traits


def test_a_season_in_a_name_is_its_first_month(tmp_path: Path):
    reading = read_organisation_file(write(tmp_path / "epraccur_2025-autumn.csv", EPRACCUR_ROW + "\n"))
    assert (reading.as_of, reading.as_of_from) == (
        date(2025, 10, 1),
        "the file name: 2025-autumn read as its first month",
    )


def test_names_in_latin_1_come_out_whole(tmp_path: Path):
    file = tmp_path / "epraccur_2024-01.csv"
    file.write_bytes(EPRACCUR_ROW.replace("A PRACTICE", "CAFÉ").encode("latin-1"))
    assert read_organisation_file(file).rows["practice_name"].to_list() == ["CAFÉ"]


def test_a_workbook_of_another_kind_is_none_of_them(tmp_path: Path):
    pl.DataFrame({"A": [1]}).write_excel(tmp_path / "a.xlsx")
    assert kind_of(tmp_path / "a.xlsx") is None


def test_a_flipped_gz_is_none_of_them_and_no_traceback(tmp_path: Path):
    content = bytearray(gzip.compress((EPRACCUR_ROW + "\n").encode() * 50, mtime=0))
    content[12] ^= 0xFF
    (tmp_path / "epraccur_2024-01.csv.gz").write_bytes(content)
    assert kind_of(tmp_path / "epraccur_2024-01.csv.gz") is None


def test_a_scope_file_is_a_list_of_codes(tmp_path: Path):
    codes = write(tmp_path / "codes.txt", "# ours\nE81001\n\nE81002  # by the river\npcn:U00001\n")
    assert expanded(["blmk", f"file:{codes}"], tmp_path) == ("blmk", "E81001", "E81002", "pcn:U00001")
    for bad in (tmp_path / "none.txt", write(tmp_path / "empty.txt", "# nothing\n")):
        with pytest.raises(InputError, match=bad.name):
            expanded([f"file:{bad}"], tmp_path)


def expanded(scope: list[str], home: Path) -> tuple[str, ...]:
    config = Config(home=home, out=home, scope=tuple(scope))
    return expand_scope(config.scope, reference_of(config).codes_in)
