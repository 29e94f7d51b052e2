import ast
import importlib.util
import re
from pathlib import Path

import pytest

from prescarbon import errors
from prescarbon.config import Config
from tests.kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_generated_pages_are_fresh():
    for name, text in generated().items():
        assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == text, f"run `make docs`: {name} is stale"


def test_every_exit_code_is_documented():
    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    for thing in vars(errors).values():
        if (
            isinstance(thing, type)
            and issubclass(thing, errors.PrescarbonError)
            and thing is not errors.PrescarbonError
        ):
            assert re.search(rf"\| {thing.exit_code} \| {thing.__name__} \|", page)


def test_every_configuration_key_is_documented():
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
    for key in set(Config.__dataclass_fields__) - {"home", "out", "is_scope_given"}:
        assert f"`{key}`" in page


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "reference").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


DEVELOPING = (ROOT / "docs" / "developing.md").read_text("utf-8")
ROOMS = {
    room: set(re.findall(r"`(\w+)`", imports))
    for room, imports in re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", DEVELOPING, re.MULTILINE)
}


def test_every_path_in_the_developers_page_exists():
    ours = "|".join(re.escape(path.name) for path in ROOT.iterdir())
    named = re.findall(rf"`((?:{ours})(?:/[\w.*-]*)*)`", DEVELOPING)
    assert len(named) > 40
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


def test_every_make_command_in_the_developers_page_exists():
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    known = set(" ".join(targets).split()) | {f"test-{kind}" for kind in KINDS}
    assert set(re.findall(r"`make ([\w-]+)", DEVELOPING)) <= known


def test_the_developers_page_names_every_room_and_what_it_may_import():
    package = ROOT / "prescarbon"
    assert set(ROOMS) == {path.parent.name for path in package.glob("*/__init__.py")}
    free = {"tables", *(path.stem for path in package.glob("*.py"))}
    for room, may_import in ROOMS.items():
        for file in (package / room).rglob("*.py"):
            known = {name.split(".")[1] for name in imported(file) if name.startswith("prescarbon.")}
            assert known <= may_import | free | {room}, f"{file.relative_to(ROOT)}: docs/developing.md says otherwise"


def imported(file: Path) -> list[str]:
    return [n.module or "" for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.ImportFrom)]
