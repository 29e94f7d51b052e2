"""Every column and every key of every definition refuses a wrong value with one sentence, and never with a traceback."""

import copy
import csv
import io
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from prescarbon.config import Config
from prescarbon.errors import DefinitionError, Fault, InputError, PrescarbonError
from prescarbon.reference import proofs
from prescarbon.reference.cells import Row, kind_of, schema_of
from prescarbon.reference.checks import find_faults, reference_faults
from prescarbon.reference.definitions import Reference, read_reference, reference_of
from prescarbon.reference.documents import read_document, shape_document
from prescarbon.reference.factor_rows import OwnSetRow, PublishedRow
from prescarbon.reference.files import find_reference
from prescarbon.reference.folder import DOCUMENTS, TABLES
from prescarbon.reference.formulary import FormularyRow
from prescarbon.reference.local import ActionRow, CampaignRow, ExcludedRow, ReturnRow, SuccessorRow, read_actions_log
from prescarbon.reference.measure_keys import CodeListRow, MeasurePart
from prescarbon.reference.rule_keys import GuardsPart, RulePart
from prescarbon.reference.sheets import read_sheet
from prescarbon.reference.signoff import SignoffRow

ROOT = find_reference()
PARTS = (
    "sources", "corrections", "plausible", "measures", "switches", "targets", "kpis", "places", "blmk", "wording",
    "excluded", "campaigns", "kpi_returns", "successors", "products", "not_inhalers", "without_factor", "code_changes",
    "series", "gwp100", "components", "sha256",
)  # fmt: skip

# one good row of every CSV: those of the folder as they stand, the user's own as they might be
OWN_ROWS: dict[type[Row], dict[str, str]] = {
    ExcludedRow: {"bnf_code": "0301011R0BWAABZ", "off_from": "2026-01-01", "off_to": "2026-06-30", "reason": "shortage"},
    CampaignRow: {"rule_id": "BR01", "started": "2022-06-01", "note": "announced in 2022"},
    ReturnRow: {
        "organisation_code": "QHG", "level": "icb", "period_start": "2026-01-01", "period_end": "2026-03-01",
        "kpi_id": "inhaler-carbon", "value": "1.5",
    },
    SuccessorRow: {"practice_code": "K81001", "successor_code": "K81002", "merged_on": "2025-10-01"},
    ActionRow: {"practice_code": "K81001", "rule_id": "BR01", "started": "2026-03-01", "owner_role": "PCN pharmacist"},
    OwnSetRow: {
        "key": "0301011R0BEAIAP", "product_name": "Ventolin", "kg_co2e": "20", "scope": "life", "gwp_basis": "AR6",
        "source_id": "mine", "kg_low": "18", "kg_high": "22",
    },
    SignoffRow: {
        "rule_id": "BR01", "content_hash": "0123456789abcdef", "decision": "approved", "author_role": "pharmacist",
        "approver_role": "respiratory lead", "body": "Prescribing committee", "minute": "5/26", "date": "2026-10-05",
        "review_by": "2027-10-05", "note": "as read",
    },
    FormularyRow: {
        "bnf_code": "0301011R0BWAABZ", "product_name": "Salamol", "on_from": "2026-01-01", "on_to": "9999-12-31",
        "licensed_from_age": "4", "licence_note": "", "pack_price_gbp": "1.46", "price_date": "2026-07-01",
        "price_source_url": "https://a.example", "source_url": "https://a.example", "review_by": "2027-01-01",
        "status": "on", "indication": "asthma", "is_mart": "false", "is_air": "false", "smpc_read": "2026-09-01",
        "supply_checked": "2026-09-01",
    },
}  # fmt: skip
FILES: dict[str, tuple[Path, type[Row]]] = {
    **{name: (ROOT / name, model) for name, model in TABLES.items()},
    "formulary/default.csv": (ROOT / "formulary" / "default.csv", FormularyRow),
    **{f"factors/published/{f.name}": (f, PublishedRow) for f in (ROOT / "factors" / "published").glob("*.csv")},
    **{f"measures/{f.name}": (f, CodeListRow) for f in (ROOT / "measures").glob("*.csv")},
}


def written(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def good_rows(model: type[Row]) -> list[dict[str, str]]:
    if model in OWN_ROWS:
        return [dict(OWN_ROWS[model])]
    file = next(file for file, known in FILES.values() if known is model)
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


MODELS = [*OWN_ROWS, *dict.fromkeys(model for _, model in FILES.values())]
COLUMNS = [(model, column) for model in MODELS for column in model.model_fields if column in good_rows(model)[0]]


def test_every_column_of_every_model_is_tried():
    untried = {(m, c) for m in MODELS for c in m.model_fields} - set(COLUMNS)
    assert {c for m, c in untried} <= {"weight"}  # the first code list has none; the salbutamol list's is typed below


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_a_wrong_cell_in_any_column_is_one_sentence(model, column):
    rows = good_rows(model)
    kind = kind_of(model, column)
    planted = kind.refuses if kind.refuses is not None else ""
    rows[0][column] = planted
    sheet = read_sheet(written(rows), "x.csv", model)
    if kind.refuses is None and type(None) in get_args(model.model_fields[column].annotation):
        assert sheet.faults == ()  # any text, or none
    else:
        (fault,) = sheet.faults
        assert (fault.file, fault.line, fault.column, fault.value) == ("x.csv", 2, column, planted)
        assert sheet.rows.height == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_a_missing_an_odd_and_a_doubled_column_are_named_and_an_empty_file_too(model):
    rows = good_rows(model)[:1]
    needed = next(c for c, field in model.model_fields.items() if field.is_required())
    without = [{k: v for k, v in row.items() if k != needed} for row in rows]
    (fault,) = read_sheet(written(without), "x.csv", model).faults if without[0] else (None,)
    assert (fault.line, fault.column, fault.reason) == (1, needed, "this column is missing")
    odd = read_sheet(written([row | {"colour": "red"} for row in rows]), "x.csv", model).faults
    assert [(f.column, f.reason) for f in odd] == (
        [] if model is CodeListRow else [("colour", "this column is not one of ours")]
    )
    (fault,) = read_sheet(b"", "x.csv", model).faults
    assert fault.reason == "holds no header"
    header = ",".join([*rows[0], needed]).encode() + b"\n"
    (fault,) = read_sheet(header, "x.csv", model).faults
    assert (fault.column, fault.reason) == (needed, "stands twice in the header")


MAY_BE_EMPTY = {
    *("NotInhalerRow", "WithoutFactorRow", "CodeChangeRow", "BrandMixRow"),
    *("ExcludedRow", "CampaignRow", "ReturnRow", "SuccessorRow", "ActionRow", "SignoffRow"),
}


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_a_header_alone_is_a_fault_where_a_run_needs_a_row(model):
    header = written(good_rows(model)[:1]).splitlines()[0]
    faults = read_sheet(header, "x.csv", model).faults
    said = [(f.line, f.reason) for f in faults]
    assert said == ([] if model.__name__ in MAY_BE_EMPTY else [(1, "holds no row below its header")])


@pytest.mark.parametrize("name", FILES)
def test_frames_have_the_dtypes_their_model_declares(name):
    file, model = FILES[name]
    sheet = read_sheet(file.read_bytes(), name, model)
    assert sheet.faults == ()
    assert {c: sheet.rows.schema[c] for c in schema_of(model)} == schema_of(model)
    assert len(sheet.lines) == sheet.rows.height > 0


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("rule_id,started,note\nBR01,2022-06-01\n", 2, "has 2 cells, its header 3"),
        ('rule_id,started,note\nBR01,2022-06-01,"two\nlines"\nBR02,soon,\n', 4, "is no date such as 2026-01-31"),
        ('rule_id,started,note\n\n\nBR01,2022-06-01,"open\n', 4, "cannot be read as CSV (unexpected end of data)"),
        ("rule_id,started,note\nBR01,2022-06-01,x\nBR01,2022-06-01,y\n", 3, "stands twice"),
        ("rule_id,started,note\nBR01,20220601,x\n", 2, "is no date such as 2026-01-31"),
        ("rule_id,started,note\nBR01,2022-06-31,x\n", 2, "is no date such as 2026-01-31"),
        (b"rule_id,started,note\nBR01,2022-06-01,caf\xe9\n", 2, "is not UTF-8: save it as CSV UTF-8"),
    ],
)
def test_a_csv_out_of_form_is_named_with_its_true_line(text, line, reason):
    content = text if isinstance(text, bytes) else text.encode()
    (fault,) = read_sheet(content, "x.csv", CampaignRow).faults
    assert (fault.line, fault.reason[: len(reason)]) == (line, reason)


def test_a_file_with_a_header_alone_has_no_rows():
    sheet = read_sheet(b"rule_id,started,note\n", "x.csv", CampaignRow)
    assert (sheet.faults, sheet.rows.height, sheet.rows.schema) == ((), 0, schema_of(CampaignRow))


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_a_file_as_a_spreadsheet_writes_it_is_read(end):
    text = f"\ufeffrule_id, started ,note{end} BR01 ,2022-06-01, {end}"
    sheet = read_sheet(text.encode(), "x.csv", CampaignRow)
    assert (sheet.faults, sheet.rows.rows()) == ((), [("BR01", date(2022, 6, 1), None)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = ", "cannot be read as TOML"),
        ("a = 1\nb = 2\nc == 3\n", "cannot be read as TOML"),
        ("a = " + "[" * 5000, "cannot be read as TOML"),
        ("a = " + "9" * 5000, "cannot be read as TOML"),
        (b'[x]\ntitle = "\xe9"', "is not UTF-8"),
    ],
)
def test_a_toml_out_of_form_is_one_fault_with_a_line(text, reason):
    document = read_document(text if isinstance(text, bytes) else text.encode(), "x.toml", dict[str, Any])
    (fault,) = document.faults
    assert document.content is None
    assert fault.reason.startswith(reason)
    assert fault.line == (3 if b"c ==" in (text if isinstance(text, bytes) else text.encode()) else fault.line) >= 1


# every key of every TOML file, planted with a value of another type


def term() -> dict[str, Any]:
    return {"sum": "items", "where": [{"bnf_prefix": ["0301"], "is_reusable": True}]}


EXAMPLES: dict[str, tuple[Any, dict[str, Any]]] = {
    "rule": (
        RulePart,
        {
            "id": "X1", "title": "t", "kind": "product switch", "family": "f", "order": 1, "effort": "low", "is_on": True,
            "is_like_for_like": False, "commitment": ["a"], "valid_from": date(2022, 1, 1), "valid_to": date(2030, 1, 1),
            "excluded": ["e"], "caveats": "c", "search": "s", "alternative_to": "X2",
            "review_by": date(2030, 1, 1), "indication": ["asthma"], "from_age": 12, "off_because": "o", "checks": ["c"], "note": "n",
            "from": {"words": "w", "codes": ["0301"], "drug_class": ["SABA"], "device_type": ["pMDI"],
                     "propellant": ["none"], "unit": "pens"},
            "to": {"words": "w", "codes": ["0302"], "pairs": {"0301011R0BEAIAP": "0301011R0BIAFAP"}},
            "dose": {"ratio": 1.0, "words": "w", "category_from": "low", "category_to": "low",
                     "from_puffs": 2, "from_times": 2.0, "to_puffs": 1, "to_times": 2},
            "achievable": {"share": 0.3, "source": "s"},
            "saving": {"kg_low": 1.0, "kg_co2e": 2, "kg_high": 3.0, "source": "s"},
            "duration": {"days": 28}, "peers": {"pool": ["SABA"], "per_list": True},
            "evidence": {"words": "w", "url": "https://example.org"},
        },
    ),
    "guards": (
        GuardsPart,
        {"guard": [{"id": "NG1", "reason": "r", "from_codes": ["0302"], "evidence_url": "https://example.org",
                    "to_codes": ["0301"], "to_devices": ["pMDI"], "at_ratio": 1.0}]},
    ),
    "measure": (
        MeasurePart,
        {
            "id": "x", "title": "t", "asks": "a?", "unit": "items", "direction": "lower", "windows": [12],
            "source_id": "s", "vintage": date(2026, 1, 1), "label": "own", "scale": 1000, "settings": ["GP practice"],
            "gates": {"ranked": 100, "shown": 25, "months": 12, "list_size": 750, "counts": term()},
            "numerator": term(), "denominator": term(), "split": {"device_type": ["pMDI"]}, "notes": "n",
            "breaks": [{"month": date(2025, 1, 1), "words": "w", "is_rebase": False}],
        },
    ),
    "sources": (
        DOCUMENTS["sources.toml"],
        {"s": {"title": "t", "publisher": "p", "address": "a", "licence": "l", "scope": "s", "gwp_basis": "AR4",
               "published": 2021, "accessed": date(2026, 1, 1)}},
    ),
    "corrections": (
        DOCUMENTS["corrections.toml"], {"c": {"source_id": "s", "words": "w", "expect_absent_old_codes": ["0301"]}},
    ),
    "plausible": (DOCUMENTS["factors/plausible.toml"], {"pMDI": {"HFA-134a": [8.0, 36]}}),
    "places": (
        DOCUMENTS["organisations/places.toml"],
        {"p": {"name": "n", "legacy_ccg_code": "06F", "source_id": "s", "source_id_closed": "s",
               "practice_codes": ["E81002"]}},
    ),
}  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of an example, tables and leaves, and every item of its lists."""
    if path:
        yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(part, (*path, key))


def wrong(value: Any) -> Any:
    """A value of another type, as near to the right one as people write by mistake."""
    if isinstance(value, bool):
        return "no"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return 5
    if isinstance(value, list):
        return "text"
    return True if isinstance(value, int | float) else 5


def planted(example: Any, path: tuple[Any, ...]) -> Any:
    spoilt = copy.deepcopy(example)
    inner = spoilt
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = wrong(inner[path[-1]])
    return spoilt


KEYS = [(name, path) for name, (_, example) in EXAMPLES.items() for path in paths(example)]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from models_in(inner)


def unexampled(model: type[BaseModel], example: dict[str, Any]) -> Iterator[str]:
    for name, known in model.model_fields.items():
        key = known.alias or name
        if key not in example:
            yield f"{model.__name__}.{key}"
        for inner in models_in(known.annotation):
            part = example.get(key)
            yield from unexampled(inner, part[0] if isinstance(part, list) else part) if part else ()


@pytest.mark.parametrize("name", ["rule", "guards", "measure"])
def test_the_examples_hold_every_key_of_the_models(name):
    model, example = EXAMPLES[name]
    odd = [key for key in unexampled(model, example) if not key.startswith(("ConditionsPart", "SplitPart"))]
    assert odd == ["CountedPart.weights", "TermPart.weights", "TermPart.weights"][: len(odd)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_good(name):
    shape, example = EXAMPLES[name]
    assert shape_document(example, "x.toml", shape).faults == ()


@pytest.mark.parametrize(("name", "path"), KEYS, ids=lambda x: x if isinstance(x, str) else ".".join(map(str, x)))
def test_a_wrong_type_at_any_key_is_one_sentence(name, path):
    shape, example = EXAMPLES[name]
    (fault,) = shape_document(planted(example, path), "x.toml", shape).faults
    names = [part for part in path if isinstance(part, str)]
    assert fault.column.replace("[1]", "").split(".") == names
    assert fault.reason.startswith(("must be", "is no"))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("path", [("dose", "ratio"), ("achievable", "share"), ("saving", "kg_low")])
def test_a_number_that_is_none_is_refused(path, number):
    _, example = EXAMPLES["rule"]
    spoilt = copy.deepcopy(example)
    spoilt[path[0]][path[1]] = number
    (fault,) = shape_document(spoilt, "x.toml", RulePart).faults
    assert (fault.column, fault.reason) == (".".join(path), "must be a finite number")


# a run refuses what a check names


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("folder") / "reference"
    shutil.copytree(ROOT, root)
    return root


@pytest.fixture
def folder(shipped) -> Iterator[Path]:
    """A reference folder that a test may spoil; it is made good again."""
    before = {file: file.read_bytes() for file in shipped.rglob("*") if file.is_file()}
    yield shipped
    for file in [f for f in shipped.rglob("*") if f.is_file() and f not in before]:
        file.unlink()
    for file, content in before.items():
        if not file.is_file() or file.read_bytes() != content:
            file.write_bytes(content)


def config_of(root: Path, **others: Any) -> Config:
    return Config(home=root.parent / "home", out=root.parent / "out", reference=root, **others)


def test_a_check_names_a_table_without_rows(folder):
    file = folder / "targets" / "kpis.csv"
    file.write_text(file.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    (fault,) = reference_faults(config_of(folder))
    assert (fault["file"], fault["line"], fault["reason"]) == ("targets/kpis.csv", 1, "holds no row below its header")
    with pytest.raises(DefinitionError, match=r"^targets/kpis\.csv: line 1: holds no row below its header\."):
        _ = read_reference(folder).kpis


PART_OF = {
    "products/inhalers.csv": "products", "products/not-inhalers.csv": "not_inhalers",
    "products/without-factor.csv": "without_factor", "products/code-changes.csv": "series",
    "factors/inhalers.csv": "components", "factors/gwp100.csv": "gwp100", "doses.csv": "doses", "potency.csv": "doses", "substances.csv": "doses", "dose-bands.csv": "doses",
    "targets/targets.csv": "targets", "targets/kpis.csv": "kpis", "organisations/blmk.csv": "blmk",
    "organisations/places.toml": "places", "sources.toml": "sources", "corrections.toml": "corrections",
    "factors/plausible.toml": "plausible", "switches/guards.toml": "switches", "formulary/default.csv": "switches",
    "measures/saba.toml": "measures", "measures/spacers.csv": "measures", "wording/pages.toml": "wording",
}  # fmt: skip


@pytest.mark.parametrize("name", PART_OF)
@pytest.mark.parametrize("content", [b'a = "\nb,"\n', None], ids=["no form", "missing"])
def test_a_file_that_cannot_be_read_is_a_fault_of_the_check_and_exit_5_of_a_run(folder, name, content):
    if content is None:
        (folder / name).unlink()
        if name in ("sources.toml", "measures/saba.toml", "measures/spacers.csv", "wording/pages.toml"):
            return  # no folder without sources; one measure fewer is a choice; one's own folder may lack wording
    else:
        (folder / name).write_bytes(content)
    assert name in {fault["file"] for fault in reference_faults(config_of(folder))}
    with pytest.raises(DefinitionError) as refused:
        getattr(reference_of(config_of(folder)), PART_OF[name])
    assert str(refused.value).startswith(f"{name}: ")


def test_factors_refuse_what_they_cannot_be_made_of(folder):
    reference = read_reference(folder)
    gwp = folder / "factors" / "gwp100.csv"
    gwp.write_text("".join(x for x in gwp.read_text("utf-8").splitlines(True) if not x.startswith("HFA-227ea,AR6")))
    with pytest.raises(DefinitionError, match="has no GWP100 for each of AR4, AR5, AR6"):
        reference.factors()
    assert {f.reason for f in find_faults(read_reference(folder))} >= {
        "has no GWP100 for each of AR4, AR5, AR6 in factors/gwp100.csv"
    }


def test_a_mix_of_brands_without_one_factor_is_refused(folder):
    mix = folder / "factors" / "brand-mix.csv"
    mix.write_text(mix.read_text("utf-8").replace("0301011R0BIAFAP", "0301011R0BIAFAX"), "utf-8")
    with pytest.raises(DefinitionError, match=r"line 2, small_key: '0301011R0BIAFAX' must have one factor"):
        read_reference(folder).factors()
    assert [(f.file, f.line, f.column) for f in find_faults(read_reference(folder))] == [
        ("factors/brand-mix.csv", line, "small_key") for line in range(2, 8)
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "column", "reason"),
    [
        ("targets/targets.csv", ",kg_inhalers,", ",kg_inhaler,", "measure_id", "is no measure of reference/measures"),
        ("targets/targets.csv", "2019-04-01,", ",", "", "a baseline needs its first and its last month"),
        ("targets/targets.csv", "2020-03-01", "2019-03-01", "baseline_end", "ends before it begins"),
        ("targets/targets.csv", "ncl-icb-inhaler-progress", "a-friend", "source_id", "no such section in sources.toml"),
        ("targets/kpis.csv", ",kg_inhalers,", ",kg_inhaler,", "measure_id", "is no measure of reference/measures"),
        ("targets/kpis.csv", "inhalers-half-by-2028", "half", "target_id", "is no target of targets/targets.csv"),
        ("organisations/places.toml", '"E81002"', '"E81001"', "bedfordshire.practice_codes", "stands more than once"),
        ("organisations/places.toml", '"E81002"', '"../x"', "bedfordshire.practice_codes", "is no code of an organ"),
        (
            "organisations/places.toml",
            '"nhsd-list-size"',
            '"x"',
            "bedfordshire.source_id",
            "no such section in sources",
        ),
        ("organisations/blmk.csv", "2019-09-30", "2019-09-31", "valid_to", "is no date such as"),
        ("organisations/blmk.csv", "ods-epcn", "a-map", "pcn_source_id", "no such section in sources.toml"),
        ("measures/saba.toml", 'source_id = "', 'source_id = "x', "source_id", "no such section in sources.toml"),
        ("measures/carbon-salbutamol.csv", ",openprescribing-carbon", ",x", "source_id", "no such section in sources"),
        ("measures/carbon-salbutamol.csv", "25.24", "nan", "weight", "is no number"),
        ("corrections.toml", '"op-bnf-code-changes"', '"x"', "duaklir-2017.source_id", "no such section in sources"),
        ("factors/plausible.toml", "[8.0, 36.0]", "[36.0, 8.0]", "pMDI.HFA-134a", "must be the least and the most"),
        ("factors/plausible.toml", "[0.1, 1.0]", "[0.1, nan]", "SMI.none", "must be a finite number"),
        ("factors/gwp100.csv", "HFA-134a,AR5", "HFA-134a,AR4", "propellant, gwp_basis", "stands twice"),
        ("factors/brand-mix.csv", ",0,0.298,1,", ",0,0.298,1.5,", "large_share_high", "is above 1"),
        ("sample/catalogue.csv", ",1|2,", ",one,", "quantities", "is no list of quantities like 1|2"),
        ("switches/guards.toml", "at_ratio = 1.0", "at_ratio = nan", "guard[2].at_ratio", "must be a finite number"),
        ("wording/pages.toml", 'none_shown = "', 'non = "', "actions.non", "there is no such sentence"),
        ("formulary/default.csv", "2014-01-01", "14-01-01", "on_from", "is no date such as"),
    ],
)
def test_a_fault_in_any_folder_is_named_with_its_place(folder, name, old, new, column, reason):
    file = folder / name
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    found = [(f["file"], f["column"]) for f in reference_faults(config_of(folder)) if f["reason"].startswith(reason)]
    assert (name, column) in found


def test_a_switch_that_is_off_by_a_word_is_refused_and_not_left_on(folder):
    """`is_on = "no"` was read as true, and `excluded = "text"` as letters."""
    file = next((folder / "switches").glob("BR01*"))
    text = (
        file.read_text("utf-8")
        .replace("is_on = true", 'is_on = "no"')
        .replace("valid_from = 2022-01-01", "valid_from = '2022-01-01'")
    )
    file.write_text(text[: text.index("excluded = [")] + 'excluded = "text"\n' + text[text.index("caveats") :], "utf-8")
    with pytest.raises(DefinitionError) as refused:
        _ = read_reference(folder).switches
    said = str(refused.value)
    assert "is_on: 'no' must be true or false" in said
    assert "excluded: 'text' must be a list" in said
    assert "valid_from: '2022-01-01' must be a date like 2026-01-31, without quotes" in said
    assert "\n" not in said


def test_every_file_is_read_once(folder, monkeypatch):
    counted: dict[Path, int] = {}
    read = Path.read_bytes

    def counting(file: Path) -> bytes:
        counted[file] = counted.get(file, 0) + 1
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", counting)
    reference = reference_of(config_of(folder))
    for _ in range(2):
        for part in PARTS:
            getattr(reference, part)
        for name in reference.factor_sets():
            reference.factors(name)
        reference.spend()
    ours = {f: n for f, n in counted.items() if f.is_relative_to(folder)}
    assert len(ours) == sum(1 for f in folder.rglob("*") if f.is_file())
    assert set(ours.values()) == {1}


# the user's own files

OWN_FILES = {
    "excluded_products": ("excluded", ExcludedRow), "campaigns": ("campaigns", CampaignRow),
    "kpi_returns": ("kpi_returns", ReturnRow), "formulary": ("switches", FormularyRow),
    "successors": ("successors", SuccessorRow),
}  # fmt: skip


@pytest.mark.parametrize("key", OWN_FILES)
@pytest.mark.parametrize("fault", ["cells", "missing"])
def test_a_wrong_own_file_is_exit_3_and_a_fault_of_the_check(tmp_path, key, fault):
    part, model = OWN_FILES[key]
    file = tmp_path / "own.csv"
    if fault == "cells":
        rows = copy.deepcopy(good_rows(model)[:2])
        dated = next(c for c in model.model_fields if kind_of(model, c).refuses == "soon")
        rows[0][dated] = "soon"
        file.write_bytes(written(rows))
    config = Config(home=tmp_path / "home", out=tmp_path, **{key: file})
    assert [f["file"] for f in reference_faults(config)] == ["own.csv"]
    with pytest.raises(InputError, match=r"^own\.csv: ") as refused:
        getattr(reference_of(config), part)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("key", OWN_FILES)
def test_a_good_own_file_is_read(tmp_path, key):
    part, model = OWN_FILES[key]
    file = tmp_path / "own.csv"
    file.write_bytes(written(good_rows(model)))
    config = Config(home=tmp_path / "home", out=tmp_path, **{key: file})
    assert reference_faults(config) == []
    assert getattr(reference_of(config), part) is not None


@pytest.mark.parametrize(
    ("key", "model", "column", "value", "reason"),
    [
        ("campaigns", CampaignRow, "rule_id", "BR99", "is no rule of reference/switches"),
        ("kpi_returns", ReturnRow, "kpi_id", "happiness", "is no KPI of reference/targets/kpis.csv"),
        ("kpi_returns", ReturnRow, "level", "planet", "is none of practice, pcn"),
        ("kpi_returns", ReturnRow, "value", "inf", "is no number"),
        ("kpi_returns", ReturnRow, "period_end", "2025-12-01", "ends before it begins"),
        ("excluded_products", ExcludedRow, "bnf_code", "Easyhaler", "is no BNF presentation code"),
        ("excluded_products", ExcludedRow, "off_to", "2025-06-30", "ends before it begins"),
        ("successors", SuccessorRow, "successor_code", "K81001", "leads back to K81001"),
    ],
)
def test_an_own_file_may_name_only_what_there_is(tmp_path, key, model, column, value, reason):
    file = tmp_path / "own.csv"
    file.write_bytes(written([OWN_ROWS[model] | {column: value}]))
    config = Config(home=tmp_path / "home", out=tmp_path, **{key: file})
    (fault,) = reference_faults(config)
    assert (fault["line"], fault["column"], fault["value"]) == (2, column, value)
    assert fault["reason"].startswith(reason)
    with pytest.raises(InputError, match=reason):
        getattr(reference_of(config), OWN_FILES[key][0])


def test_a_formulary_of_ones_own_is_held_against_the_rules(tmp_path):
    rows = list(csv.DictReader((ROOT / "formulary" / "default.csv").read_text("utf-8").splitlines()))
    target = next(row for row in rows if row["bnf_code"] == "0301011R0BIAFAP")
    file = tmp_path / "own.csv"
    file.write_bytes(written([row | {"licensed_from_age": "40"} if row is target else row for row in rows]))
    config = Config(home=tmp_path / "home", out=tmp_path, formulary=file)
    assert any("is licensed from 40" in fault["reason"] for fault in reference_faults(config))


def test_an_action_of_no_rule_and_a_practice_of_no_shape_are_refused(tmp_path):
    log = tmp_path / "actions.csv"
    log.write_bytes(written([OWN_ROWS[ActionRow]]))
    assert read_actions_log(log, read_reference().rule_ids).collect().height == 1
    log.write_bytes(written([OWN_ROWS[ActionRow] | {"rule_id": "BR99"}]))
    with pytest.raises(InputError, match=r"actions\.csv: line 2, rule_id: 'BR99' is no rule"):
        read_actions_log(log, read_reference().rule_ids)
    log.write_bytes(written([OWN_ROWS[ActionRow] | {"practice_code": "../../x"}]))
    with pytest.raises(InputError, match=r"line 2, practice_code: '\.\./\.\./x' is no code"):
        read_actions_log(log, read_reference().rule_ids)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"K81001 # ours\n\nK8\n", 3, "is no code of an organisation"),
        (b"# nothing\n", 1, "this list holds no code"),
        (b"\xff", 1, "this list of codes cannot be read"),
        (None, 0, "this list of codes cannot be read"),
    ],
)
def test_a_list_of_codes_that_the_scope_names_is_checked(tmp_path, content, line, reason):
    file = tmp_path / "codes.txt"
    if content is not None:
        file.write_bytes(content)
    config = Config(home=tmp_path / "home", out=tmp_path, scope=(f"file:{file}", "K81002"))
    (fault,) = reference_faults(config)
    assert (fault["file"], fault["line"], fault["reason"][: len(reason)]) == ("codes.txt", line, reason)
    with pytest.raises(InputError, match=r"^codes\.txt: "):
        reference_of(config).codes_in(file)


def test_a_good_list_of_codes_is_read(tmp_path):
    (tmp_path / "codes.txt").write_text("K81001 # ours\npcn:U12345\n", "utf-8")
    config = Config(home=tmp_path / "home", out=tmp_path, scope=(f"file:{tmp_path / 'codes.txt'}",))
    assert reference_of(config).codes_in(tmp_path / "codes.txt") == ("K81001", "pcn:U12345")


def test_a_broken_rule_is_named_once_where_a_campaign_names_a_rule(folder):
    next((folder / "switches").glob("BR01*")).write_text("id = 'BR01'\nis_on = 'no'\n", "utf-8")
    campaigns = folder.parent / "campaigns.csv"
    campaigns.write_bytes(written([OWN_ROWS[CampaignRow]]))
    config = config_of(folder, campaigns=campaigns, formulary=folder / "formulary" / "default.csv")
    faults = reference_faults(config)
    assert {fault["file"].partition("-")[0] for fault in faults} == {"switches/BR01"}
    assert len({fault["column"] for fault in faults}) == len(faults)


def test_a_list_of_codes_with_an_impossible_name_is_one_sentence(tmp_path):
    config = Config(home=tmp_path / "home", out=tmp_path, scope=("file:a\0b",))
    assert [f["reason"] for f in reference_faults(config)] == ["this list of codes cannot be read (embedded null byte)"]


def test_an_imported_set_is_checked_and_refused_as_a_file_of_the_users(tmp_path):
    (tmp_path / "factors").mkdir()
    (tmp_path / "factors" / "mine.csv").write_bytes(written([OWN_ROWS[OwnSetRow] | {"kg_low": "21"}]))
    config = Config(home=tmp_path, out=tmp_path, factor_set="mine")
    assert [(f["file"], f["reason"]) for f in reference_faults(config)] == [("mine.csv", "not within 21 and 22")]
    with pytest.raises(InputError, match=r"mine\.csv: line 2, kg_co2e: '20' not within 21 and 22"):
        reference_of(config).factors("mine")
    assert read_sheet((tmp_path / "factors" / "mine.csv").read_bytes(), "mine.csv", OwnSetRow).faults[0].line == 2


def test_an_own_set_without_an_interval_is_its_own_interval(tmp_path):
    (tmp_path / "factors").mkdir()
    bare = {k: v for k, v in OWN_ROWS[OwnSetRow].items() if not k.startswith("kg_") or k == "kg_co2e"}
    (tmp_path / "factors" / "mine.csv").write_bytes(written([bare]))
    config = Config(home=tmp_path, out=tmp_path, factor_set="mine")
    assert reference_faults(config) == []
    rows = reference_of(config).factors("mine").select("kg_low", "kg_co2e", "kg_high").collect()
    assert rows.rows() == [(20.0, 20.0, 20.0)]


def test_what_the_configuration_names_must_be_there(tmp_path):
    config = Config(
        home=tmp_path, out=tmp_path, factor_set="theirs", achievable_shares={"BR99": 0.5}, brand_mix={"0301011R0BEAIAP": 1}
    )  # fmt: skip
    assert {(f["file"], f["column"], f["value"]) for f in reference_faults(config)} == {
        ("prescarbon.toml", "factor_set", "theirs"),
        ("prescarbon.toml", "achievable_shares", "BR99"),
        ("prescarbon.toml", "brand_mix", "0301011R0BEAIAP"),
    }
    with pytest.raises(DefinitionError, match="achievable_shares: 'BR99' is no rule") as refused:
        reference_of(config)
    assert "brand_mix: '0301011R0BEAIAP' is no code of factors/brand-mix.csv" in str(refused.value)


def test_one_fault_hides_no_other(folder):
    """A formulary that is not there hides no unknown share; a list that is not there makes no source uncited."""
    (folder / "organisations" / "blmk.csv").unlink()
    (folder / "factors" / "brand-mix.csv").write_text("key\n", "utf-8")
    config = config_of(
        folder, formulary=folder.parent / "none.csv", achievable_shares={"X1": 0.5}, brand_mix={"0301011R0AAAPAP": 1.0}
    )  # fmt: skip
    assert {(f["file"], f["value"]) for f in reference_faults(config)} == {
        ("organisations/blmk.csv", ""), ("factors/brand-mix.csv", ""), ("none.csv", ""), ("prescarbon.toml", "X1"),
    }  # fmt: skip


def test_a_file_that_cannot_be_hashed_is_one_sentence(folder, monkeypatch):
    reference = Reference(folder)

    def shut(file: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_bytes", shut)
    with pytest.raises(DefinitionError, match=r"CHANGES\.md: cannot be read \(Permission denied\)"):
        _ = reference.sha256


def test_a_message_names_twenty_faults_of_a_file_and_counts_the_rest(folder):
    file = folder / "products" / "not-inhalers.csv"
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([lines[0], *(f"x{n},," for n in range(30))]), "utf-8")
    with pytest.raises(DefinitionError, match=r"and 70 more, which `prescarbon reference check` names") as refused:
        _ = read_reference(folder).not_inhalers
    assert str(refused.value).count("line ") == 20


@pytest.mark.parametrize("split", [{}, {"device_type": ["pMDI"], "propellant": ["none"]}])
def test_a_split_is_by_one_column(split):
    _, example = EXAMPLES["measure"]
    (fault,) = shape_document(example | {"split": split}, "x.toml", MeasurePart).faults
    assert (fault.column, fault.reason[:18]) == ("split", "should have one of")


def test_a_folder_without_rules_is_said(folder):
    for file in (folder / "switches").glob("*.toml"):
        if file.name != "guards.toml":
            file.unlink()
    assert [(f.file, f.reason) for f in find_faults(read_reference(folder))] == [
        ("switches", "holds no rule: is this the reference folder?")
    ]


def test_a_rule_whose_category_is_not_that_of_its_codes_is_named(folder):
    file = next((folder / "switches").glob("DV09*"))
    text = file.read_text("utf-8").replace('category_from = "low"', 'category_from = "high"')
    file.write_text(text.replace('category_to = "low"', 'category_to = "high"'), "utf-8")
    faults = find_faults(read_reference(folder))
    assert [fault.column for fault in faults] == ["DV09.dose.category_from", "DV09.dose.category_to"]
    assert all(fault.reason.startswith("DV09: is high, but 0302000N0") for fault in faults)


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("products/code-changes.csv", "0301011AAAAAAAA,", "0301040Y0AAAAAA,", "is also a new code: date the series first"),
        ("products/without-factor.csv", "0301011F0AAAAAA", "0301011R0BEAIAP", "stands in without-factor.csv too"),
        ("factors/plausible.toml", '"HFA-227ea" = [34.0, 43.0]\n"HFO', '"HFO', "plausible.toml has no band for pMDI with HFA-227ea"),
    ],
)  # fmt: skip
def test_what_only_two_files_show_is_named(folder, name, old, new, reason):
    file = folder / name
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    assert reason in {fault.reason for fault in find_faults(read_reference(folder))}


def test_a_proof_that_cannot_be_made_is_never_silent(monkeypatch):
    def prove(_: Reference) -> Iterator[Fault]:
        raise DefinitionError("cannot be proven.")
        yield

    monkeypatch.setattr(proofs, "OVER_FILES", (prove,))
    assert [fault.reason for fault in find_faults(read_reference(ROOT))] == ["cannot be proven."]


# whatever a file holds, a sentence

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller text of the same fault takes minutes to find


@settings(
    max_examples=25, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_stands_in_a_file_only_a_sentence_leaves(folder, data):
    """A piece of any file is taken out and another text put in its place."""
    files = sorted(f for f in folder.rglob("*") if f.suffix in (".csv", ".toml"))
    file = data.draw(st.sampled_from(files))
    before = file.read_bytes()
    at = data.draw(st.integers(0, len(before)))
    length = data.draw(st.integers(0, 40))
    piece = data.draw(
        st.one_of(st.text(max_size=12), st.sampled_from(['"', "[[", "\n", ",,", "= true", "nan", "\0", "{", "1e999"]))
    )
    try:
        file.write_bytes(before[:at] + piece.encode("utf-8", "surrogatepass") + before[at + length :])
        found = reference_faults(config_of(folder))
        refused = []
        reference = reference_of(config_of(folder))
        for part in PARTS:
            try:
                getattr(reference, part)
            except PrescarbonError as error:
                refused.append(str(error))
        assert not refused or found  # what a run refuses, the check names
    finally:
        file.write_bytes(before)


def test_a_dose_of_an_unlisted_substance_or_of_too_few_strengths_is_named(folder):
    file = folder / "doses.csv"
    text = file.read_text("utf-8").replace(",budesonide+formoterol,200+6,", ",budesonide+placebo,200,", 1)
    file.write_text(text, "utf-8")
    faults = [(f.column, f.value, f.reason) for f in find_faults(read_reference(folder)) if f.file == "doses.csv"]
    assert ("substances", "placebo", "is no substance of substances.csv") in faults
    assert ("metered_mcg", "200", "should be 2 strengths joined with +") in faults
