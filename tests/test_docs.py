import importlib.util
import re
from pathlib import Path

import pytest

from prescarbon import errors
from prescarbon.config import Config

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
