"""The laws of the house: each takes a module's text and its path in the package, and says what breaks it.

A path is relative to prescarbon/ ("model/activity.py"). tests/test_architecture.py holds every module to every law,
and shows that each law can be broken.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath as Path
from statistics import median

FREE = {"tables", "errors", "config", "manifest"}  # any room may import these; among themselves only errors
MAY_IMPORT = {
    "__main__": {"cli"},
    "door": {"pipeline", "store"},
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
    "__init__": {"door"},
}
CLOSED_DOORS = {  # within a room: a view knows no face, measures and opportunities do not know each other
    "report.views": "report.faces",
    "model.measures": "model.opportunities",
    "model.opportunities": "model.measures",
}
MODEL_MAY_IMPORT = {
    *("collections", "dataclasses", "datetime", "hashlib", "re", "typing"),
    *("holidays", "numpy", "polars"),
    *("prescarbon.model", "prescarbon.tables", "prescarbon.errors"),
}
CLOCKS = {"now", "utcnow", "today", "perf_counter", "monotonic", "process_time"}
READS, WRITES = ("read_", "scan_"), ("write_", "sink_")  # polars reads by its name, frames and paths write
FILES = {"open", "read_text", "read_bytes", "load", "save", "loadtxt", "savetxt", "fromfile", "tofile"}
RUNS_TEXT = {"open", "eval", "exec", "compile", "input", "__import__"}
SEEDED = {"Generator", "PCG64", "SeedSequence"}  # numpy.random is for these alone: every draw has its seed
LONGEST, MEDIAN = 400, 120  # lines of a module
NAMELESS = {"util", "utils", "helper", "helpers", "common", "core", "manager", "managers", "misc"}
NOT_AN_INHALER = "not an inhaler"
GATES = ["ranked", "shown", "listed"]
HOMES = {NOT_AN_INHALER: {"model/activity.py", "tables/prescribing.py"}, str(GATES): {"tables/schema.py"}}


def room_of(path: Path) -> str:
    """The first folder, or the module where there is none."""
    return path.parts[0].removesuffix(".py")


def imported(text: str) -> Iterator[str]:
    """Every module, and every name from one, that the text imports at any depth."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _ours(text: str) -> Iterator[str]:
    """What the text imports of us, without the package's name; `__version__` belongs to everybody."""
    for name in imported(text):
        head, _, rest = name.partition(".")
        if head in ("prescarbon", "") and rest and not rest.startswith("__"):
            yield rest


def imports_one_way(text: str, path: Path) -> list[str]:
    """cli → pack → pipeline → report, source, store, model, reference; and within a room no closed door."""
    own = room_of(path)
    allowed = MAY_IMPORT.get(own, set()) | {own} | ({"errors"} if own in FREE else FREE)
    wrong = {name.split(".")[0] for name in _ours(text)} - allowed
    door = CLOSED_DOORS.get(".".join(path.parts[:2]), "no door")
    behind = {name for name in _ours(text) if f"{name}.".startswith(f"{door}.")}
    return [f"{path} imports {name}" for name in sorted(wrong | behind)]


def model_is_pure(text: str, path: Path) -> list[str]:
    """The model imports arithmetic only, asks no clock, opens no file, calls no network, draws nothing without a seed."""
    if room_of(path) != "model":
        return []
    found = [
        f"imports {name}"
        for name in imported(text)
        if not any(f"{name}.".startswith(f"{may}.") for may in MODEL_MAY_IMPORT)
        or name.removeprefix("polars.").startswith(READS)
    ]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and _leaves_the_model(node.attr, ast.unparse(node.value)):
            found.append(f"line {node.lineno}: .{node.attr}")
        elif isinstance(node, ast.Name) and node.id in RUNS_TEXT:
            found.append(f"line {node.lineno}: {node.id}")
    return [f"{path} {what}" for what in found]


def _leaves_the_model(name: str, of: str) -> bool:
    """True where `of.name` is a clock, a file, or a draw without a seed."""
    reads = name.startswith(READS) and of in ("pl", "polars")
    draws = of.split(".")[-1] == "random" and name not in SEEDED
    return name in CLOCKS | FILES or name.startswith(WRITES) or reads or draws


def is_short(text: str, path: Path) -> list[str]:
    """No module over 400 lines."""
    lines = len(text.splitlines())
    return [f"{path} has {lines} lines, at most {LONGEST}"] if lines > LONGEST else []


def says_what_it_is(text: str, path: Path) -> list[str]:
    """Every module opens with a docstring."""
    return [] if ast.get_docstring(ast.parse(text)) else [f"{path} has no docstring"]


def has_a_name_of_the_field(_text: str, path: Path) -> list[str]:
    """No utils, helpers, common, core or manager: such a name says nothing of what is inside."""
    return [f"{path}: {part}" for part in path.with_suffix("").parts if NAMELESS & set(part.split("_"))]


def has_one_home(text: str, path: Path) -> list[str]:
    """What an inhaler is, and the list of gates, are written once; everybody else imports them."""
    said = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value == NOT_AN_INHALER:
            said.append(NOT_AN_INHALER)
        elif isinstance(node, ast.List | ast.Tuple) and [getattr(e, "value", None) for e in node.elts] == GATES:
            said.append(str(GATES))
    return [f"{path} says {what!r} again" for what in said if str(path) not in HOMES[what]]


LAWS = (imports_one_way, model_is_pure, is_short, says_what_it_is, has_a_name_of_the_field, has_one_home)


def typical_size(modules: Mapping[Path, str]) -> list[str]:
    """The median module has at most 120 lines; a folder's own one-line __init__ is none."""
    size = median(len(text.splitlines()) for path, text in modules.items() if path.name != "__init__.py")
    return [f"the median module has {size:g} lines, at most {MEDIAN}"] if size > MEDIAN else []


def unused(
    modules: Mapping[Path, str], rooms: Collection[str], doors: Collection[str] = (), templates: str = ""
) -> list[str]:
    """Public functions, classes and methods of the rooms that nothing in the package uses: only tests call them.

    modules    every module of the package: path → text
    rooms      whose definitions are judged
    doors      names used from outside: the Python door, and what docs/ prints; a click command is a door by itself
    templates  text of the page templates: a view's property may be used there alone
    """
    trees = {path: ast.parse(text) for path, text in modules.items()}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    brought = {name.removeprefix("prescarbon.") for text in modules.values() for name in imported(text)}
    called = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    found = []
    for path, tree in trees.items():
        if room_of(path) not in rooms:
            continue
        module = ".".join(path.with_suffix("").parts)
        at_home = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or _is_private_or_door(node, doors):
                continue
            by_module = module in brought and node.name in called  # from prescarbon.report.faces import pdf; pdf.write
            if node.name not in at_home and f"{module}.{node.name}" not in brought and not by_module:
                found.append(f"{path}: {node.name}")
            found += [
                f"{path}: {node.name}.{method.name}"
                for method in (node.body if isinstance(node, ast.ClassDef) else ())
                if isinstance(method, ast.FunctionDef)
                and not _is_private_or_door(method, doors)
                and method.name not in called
                and not re.search(rf"\b{method.name}\b", templates)
            ]
    return found


def _is_private_or_door(node: ast.FunctionDef | ast.ClassDef, doors: Collection[str]) -> bool:
    is_command = any(".command(" in ast.unparse(d) or ".group(" in ast.unparse(d) for d in node.decorator_list)
    is_command |= any(ast.unparse(d).startswith(("command(", "group(")) for d in node.decorator_list)
    return node.name.startswith("_") or node.name in doors or is_command
