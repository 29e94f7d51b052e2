"""Pages of one practice or PCN join the pack they belong to; a pack never holds pages of two runs, nor dead links."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack.folder import Pack, adding_to_folder
from prescarbon.pack.write import write_report
from tests.pack.test_folder import tree


def dead_links(folder: Path) -> list[str]:
    """Every href and src of every page that leads to no file."""
    dead = []
    for page in folder.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)', page.read_text("utf-8")):
            parts = urlsplit(link)
            if not parts.scheme and not (page.parent / unquote(parts.path)).resolve().is_file():
                dead.append(f"{page.relative_to(folder)} → {link}")
    return dead


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    out = tmp_path_factory.mktemp("whole")
    return write_report(Config(home=small, out=out, scope=("gp",), is_scope_given=True))


@pytest.fixture
def codes(whole: Pack) -> list[str]:
    """Practice codes in order; the first two share a PCN."""
    return sorted(p.stem for p in (whole.folder / "practice").iterdir())


@pytest.fixture
def standing(whole: Pack, config: Config) -> Config:
    """A configuration whose out folder holds a whole pack."""
    return replace(config, out=whole.folder.parent)


@pytest.mark.parametrize("part", ["practice", "pcn"])
def test_a_part_of_a_whole_pack_changes_no_byte_of_it(whole: Pack, standing: Config, part: str) -> None:
    code = min(p.stem for p in (whole.folder / part).iterdir())
    before = tree(whole.folder)
    assert len(before) > 25
    assert dead_links(whole.folder) == []
    assert [p.stem for p in whole.pages] == ["Z90001", "Z90002", "Z90003"]
    pack = write_report(standing, **{part: code})
    assert tree(whole.folder) == before
    assert pack.folder == whole.folder
    assert {p.parent.name for p in pack.pages} == {"practice"}
    assert [p.name for p in standing.out.iterdir()] == [whole.folder.name]


def test_parts_gather_into_a_pack_and_a_whole_run_makes_it_whole(whole: Pack, config: Config, codes: list[str]) -> None:
    first, _, third = codes
    one = write_report(config, practice=first)
    assert [p.stem for p in one.pages] == [first]
    assert dead_links(one.folder) == []
    assert third not in one.index.read_text("utf-8")
    write_report(config, practice=third)
    assert dead_links(one.folder) == []
    listed = one.index.read_text("utf-8")
    assert [code for code in codes if f'href="practice/{code}.html"' in listed] == [first, third]
    assert not (one.folder / "ics.html").exists()
    assert "ics.html" not in listed

    write_report(config)
    assert tree(one.folder) == tree(whole.folder)


def test_a_pcn_begins_a_pack_with_its_practices(whole: Pack, config: Config) -> None:
    pcn = min(p.stem for p in (whole.folder / "pcn").iterdir())
    pack = write_report(config, pcn=pcn)
    assert dead_links(pack.folder) == []
    members = {p.stem for p in pack.pages}
    assert 0 < len(members) < 3
    assert {p.stem for p in (pack.folder / "practice").iterdir()} == members
    for name, bytes_ in tree(pack.folder).items():
        if name not in ("index.html", "manifest.json"):  # of a part, and say so
            assert bytes_ == tree(whole.folder)[name], name


@pytest.mark.parametrize(
    ("others", "named"),
    [({"gwp_basis": "AR5"}, "gwp_basis"), ({"show_draft_rules": True}, "show_draft_rules"), ({"seed": 1}, "seed")],
)
def test_pages_of_another_run_are_refused_and_the_pack_is_left(
    whole: Pack, standing: Config, codes: list[str], others: dict[str, object], named: str
) -> None:
    before = tree(standing.out)
    with pytest.raises(InputError) as refused:
        write_report(replace(standing, **others), practice=codes[0])
    told = str(refused.value)
    assert f"the pack in {whole.folder.name} came of another run (different: " in told
    assert named in told
    assert "\n" not in told
    assert tree(standing.out) == before


@pytest.mark.parametrize(("asked", "kind"), [({"practice": "K81001"}, "practice"), ({"pcn": "U00000"}, "PCN")])
def test_an_unknown_part_is_one_sentence(standing: Config, asked: dict[str, str], kind: str) -> None:
    before = tree(standing.out)
    (code,) = asked.values()
    with pytest.raises(
        InputError, match=rf"^{kind} {code} has no rows in 20\d\d-\d\d to 20\d\d-\d\d within the scope\. Check"
    ):
        write_report(standing, **asked)
    assert tree(standing.out) == before


def test_an_interrupted_part_leaves_the_pack_as_it_was(config: Config, codes: list[str]) -> None:
    pack = write_report(config, practice=codes[0])
    before = tree(config.out)

    def interrupt(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(config, practice=codes[1], progress=interrupt)
    assert tree(config.out) == before
    assert [p.name for p in config.out.iterdir()] == [pack.folder.name]


def write_and_fail(final: Path) -> None:
    with adding_to_folder(final) as draft:
        (draft / "index.html").write_text("new")
        raise OSError(28, "full")


def test_a_part_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    final = tmp_path / "2026-01"
    final.mkdir()
    (final / "index.html").write_text("old")
    with pytest.raises(InputError, match=r"cannot write the report \(full\)\. Choose another folder"):
        write_and_fail(final)
    assert tree(tmp_path) == {"2026-01/index.html": b"old"}


def test_pages_of_nobody_knows_which_run_take_none_of_ours(config: Config, codes: list[str]) -> None:
    folder = config.out / "2026-01"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("an older version's")
    with pytest.raises(InputError, match=r"the pack in 2026-01 has no manifest"):
        write_report(config, practice=codes[0])
    assert tree(config.out) == {"2026-01/index.html": b"an older version's"}


def test_the_index_and_the_manifest_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed half way, the old index still leads to pages that are there."""
    final = tmp_path / "2026-01"
    final.mkdir()
    moved: list[str] = []
    replace_ = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (moved.append(to.name), replace_(self, to))[1])
    with adding_to_folder(final) as draft:
        for name in ("index.html", "manifest.json", "practice/a.html", "workbook/z.xlsx"):
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_text(name)
    assert moved == ["a.html", "z.xlsx", "index.html", "manifest.json"]
