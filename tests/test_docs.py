import ast
import importlib
import importlib.util
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import polars as pl
import pytest

from prescarbon import errors
from prescarbon.cli.app import cli
from prescarbon.config import Config
from prescarbon.door import OpenStore, open_store
from prescarbon.tables.dictionary import TABLES
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


def every_command(group: click.Group, words: str = "") -> Iterator[tuple[str, click.Command]]:
    """Its words and the command, for every command and group."""
    for name, command in group.commands.items():
        yield f"{words} {name}".strip(), command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{words} {name}".strip())


COMMANDS = dict(every_command(cli))


def test_every_command_and_option_is_documented():
    page = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    assert len(COMMANDS) > 25
    for words, command in COMMANDS.items():
        part = page.partition(f"## prescarbon {words}\n")[2].partition("\n## ")[0]
        assert part, words
        for option in command.params:
            named = option.opts if isinstance(option, click.Option) else [option.make_metavar(click.Context(command))]
            assert any(name.strip("[].") in part for name in named), f"{words} {named}"


def test_every_table_and_column_is_documented():
    page = (ROOT / "docs" / "reference" / "tables.md").read_text("utf-8")
    for table in TABLES:
        part = page.partition(f"## {table.name}\n")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| (\w+) \|.*\| ([^|]+) \|$", part, re.MULTILINE)
        assert [name for name, _ in rows if name != "column"] == table.names


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
        assert re.search(rf"^\| `{key}` \|", page, re.MULTILINE), key
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) <= set(Config.__dataclass_fields__)


FOLDERS = ("docs", "reference", "reports", "benchmarks")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
CHANGELOG = ROOT / "CHANGELOG.md"  # speaks of what was


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", [p for p in PAGES if p != CHANGELOG], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_that_a_page_tells_a_reader_to_run_is_one(page: Path):
    """In a code span or a block; options too."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```(?:sh|text)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    said = [line.partition("#")[0] for block in blocks for line in block.splitlines()] + spans
    told = [line.removeprefix(".venv\\Scripts\\").strip() for line in said]
    for line in told:
        if line.startswith("prescarbon ") and "COMMAND" not in line:
            assert fault_of(shlex.split(line)[1:]) == "", line


def fault_of(words: list[str]) -> str:
    """What is wrong with the words of a command line; empty where nothing is."""
    command: click.Command = cli
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.commands.get(word)
            if found is None:
                return f"no command {word}"
            command = found
        elif word.startswith("-"):
            own = {name for option in command.params for name in option.opts} | {"-h", "--help", "--version"}
            if word not in own:
                return f"no option {word}"
    return ""


def test_a_command_that_is_none_is_seen():
    assert fault_of(["reports"]) == "no command reports"
    assert fault_of(["measures", "go"]) == "no command go"
    assert fault_of(["months", "--scope", "all"]) == "no option --scope"
    assert fault_of(["measures", "run", "--level", "pcn"]) == ""


@pytest.mark.parametrize("page", [p for p in PAGES if p != CHANGELOG], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_that_a_page_names_exists(page: Path):
    for name in re.findall(r"`([\w/]+\.(?:py|typ))`", page.read_text("utf-8")):
        assert any((root / name).exists() for root in (ROOT, ROOT / "prescarbon", page.parent)), f"{page.name}: {name}"


NOTEBOOK = ROOT / "docs" / "how-to" / "notebook.md"


def test_the_notebook_of_the_how_to_runs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PRESCARBON_HOME", str(home))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    printed: list[object] = []
    names: dict[str, object] = {"print": printed.append}
    blocks = re.findall(r"^```python\n(.*?)^```", NOTEBOOK.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for block in blocks:
        exec(compile(block, NOTEBOOK.name, "exec"), names)
    assert len(blocks) == len(printed) + 1  # the last draws
    assert [thing for thing in printed if len(thing) == 0] == []
    by_month, by_propellant = names["by_month"], names["by_propellant"]
    assert by_month["month"].to_list() == by_propellant["period_start"].to_list()
    summed = by_propellant.select(pl.sum_horizontal(pl.exclude("period_start"))).to_series()
    assert summed.to_list() == pytest.approx(by_month["kg_co2e"].cast(pl.Float64).to_list())
    means = names["store"].measures("kg_per_inhaler", level="group", scope="all", by_month=True).collect()
    drawn = names["axes"].lines[0].get_ydata()
    assert list(drawn) == pytest.approx(means.sort("period_start")["value"].to_list())
    assert (tmp_path / "kg_per_inhaler.png").stat().st_size > 1000
    names["pyplot"].close(names["figure"])


def test_the_python_of_the_readme_runs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PRESCARBON_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    *before, last = block.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(before), names)
    assert eval(last, names).height == 25 * 3  # months × PCNs: the sample's memberships begin in its second month


def test_everything_public_of_the_door_is_in_the_how_to():
    page = NOTEBOOK.read_text("utf-8")
    public = [name for name in vars(OpenStore) if not name.startswith("_") and name != "config"]
    assert public == ["months", "footprint", "measures", "opportunities", "kpis"]
    for name in public:
        assert f"store.{name}" in page
    words = {word for name in public[1:] for word in inspect.signature(getattr(OpenStore, name)).parameters}
    for word in (words - {"self", "only"}) | set(inspect.signature(open_store).parameters) - {"home"}:
        assert word in page, word


DEVELOPING = (ROOT / "docs" / "developing.md").read_text("utf-8")
ROOMS = {
    room: set(re.findall(r"`(\w+)`", imports))
    for room, imports in re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", DEVELOPING, re.MULTILINE)
}


def test_every_proof_of_the_safety_note_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs/explanation/clinical-safety.md").read_text("utf-8"))
    assert len(named) > 12
    assert [path for path in named if not (ROOT / path).is_file()] == []


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


@pytest.mark.parametrize(
    "script", sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("docs/*.py")]), ids=lambda p: p.name
)
def test_a_script_imports_what_exists(script: Path):
    ours = [n for n in ast.walk(ast.parse(script.read_text("utf-8"))) if isinstance(n, ast.ImportFrom)]
    for node in ours:
        if (node.module or "").startswith("prescarbon"):
            room = importlib.import_module(node.module)
            for name in node.names:
                submodule = (
                    importlib.util.find_spec(f"{node.module}.{name.name}") if hasattr(room, "__path__") else None
                )
                assert hasattr(room, name.name) or submodule, f"{node.module} has no {name.name}"


def imported(file: Path) -> list[str]:
    return [n.module or "" for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.ImportFrom)]
