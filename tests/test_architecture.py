import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "prescarbon"
FREE = {"tables", "errors", "config", "manifest"}
MAY_IMPORT = {
    "__main__": {"cli"},
    "cli": {"pack", "pipeline", "report", "reference", "store"},
    "pack": {"pipeline", "report", "source", "store", "model", "reference"},
    "pipeline": {"report", "source", "store", "model", "reference"},
    "report": {"model", "reference"},
    "reference": {"model"},
    "source": {"store", "model"},
    "store": {"model"},
    "model": set(),
    "tables": set(),
    "errors": set(),
    "config": set(),
    "manifest": set(),
    "__init__": set(),
}
MODEL_MAY_NOT = {"click", "requests", "pathlib", "os", "io", "urllib", "datetime.now"}


def part_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_data_flow_one_way(file: Path):
    own = part_of(file)
    parts = {m.split(".")[1] for m in imported(file) if m.startswith("prescarbon.")} - {own}
    free = FREE if own not in FREE else {"errors"}
    assert parts <= MAY_IMPORT[own] | free


@pytest.mark.parametrize("file", [f for f in FILES if part_of(f) == "model"], ids=lambda f: f.name)
def test_the_model_reads_no_file_clock_or_network(file: Path):
    assert not {m.split(".")[0] for m in imported(file)} & MODEL_MAY_NOT
