"""Every module is held to every law of tests/laws.py, and every law is broken once to show that it can fail."""

from pathlib import Path, PurePosixPath

import pytest

from tests.laws import (
    LAWS,
    has_a_name_of_the_field,
    has_one_home,
    imports_one_way,
    is_short,
    model_is_pure,
    room_of,
    says_what_it_is,
    typical_size,
    unused,
)

PACKAGE = Path(__file__).resolve().parents[1] / "prescarbon"
MODULES = {PurePosixPath(f.relative_to(PACKAGE)): f.read_text("utf-8") for f in sorted(PACKAGE.rglob("*.py"))}
TEMPLATES = "\n".join(f.read_text("utf-8") for f in sorted(PACKAGE.rglob("*.*")) if f.suffix in (".html", ".typ"))
ROOMS_WITHOUT_DEAD_CODE = tuple(sorted({room_of(path) for path in MODULES} - {"__init__"}))
DOORS = (
    "data_dictionary",  # docs/generate.py prints it
    "cost_change",  # a filter of the templates, named in report/faces/html.py
    *("handle_starttag", "handle_endtag", "handle_data"),  # what html.parser calls
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_module_keeps_the_law(law):
    assert MODULES
    assert [fault for path, text in MODULES.items() for fault in law(text, path)] == []


def test_the_typical_module_is_small():
    assert typical_size(MODULES) == []


def test_everything_public_is_used_by_the_package():
    assert unused(MODULES, ROOMS_WITHOUT_DEAD_CODE, DOORS, TEMPLATES) == []


BROKEN = [
    (imports_one_way, "store/months.py", "from prescarbon.source.portal import fetch"),
    (imports_one_way, "store/months.py", "from prescarbon import pipeline"),
    (imports_one_way, "tables/schema.py", "import prescarbon.config"),
    (imports_one_way, "source/files.py", "def late():\n    from prescarbon.pack.write import write"),
    (imports_one_way, "report/views/ics.py", "from prescarbon.report.faces.html import write"),
    (imports_one_way, "report/views/ics.py", "from prescarbon.report import faces"),
    (imports_one_way, "model/measures/trend.py", "from prescarbon.model.opportunities.rules import Guard"),
    (imports_one_way, "model/change.py", "from ..store import months"),
    (imports_one_way, "somewhere/new.py", "from prescarbon.model.sums import exact_sum"),
    *(
        (model_is_pure, "model/activity.py", text)
        for text in (
            "from prescarbon.store.months import Store",
            "from prescarbon.config import Config",
            *(
                "import click",
                "import requests",
                "import pathlib",
                "import os.path",
                "import io",
                "import urllib.request",
            ),
            *("import time", "import random", "import socket", "import subprocess", "from pathlib import Path"),
            "from datetime import datetime\nprinted = datetime.now()",
            "import datetime\nprinted = datetime.date.today()",
            "from datetime import datetime as d\nclock = d.utcnow",
            "text = open('rows.csv')",
            "import polars as pl\nrows = pl.read_csv('rows.csv')",
            "import polars as pl\nrows = pl.scan_parquet('rows.parquet')",
            "from polars import read_csv\nrows = read_csv('rows.csv')",
            "def keep(frame):\n    frame.write_csv('rows.csv')",
            "def keep(frame):\n    frame.sink_parquet('rows.parquet')",
            "def words(path):\n    return path.read_text()",
            "import numpy as np\nrows = np.load('rows.npy')",
            "import numpy as np\nluck = np.random.default_rng()",
            "from numpy import random\nluck = random.normal()",
            "rows = __import__('os').listdir()",
        )
    ),
    (is_short, "pipeline/evidence.py", "'''Long.'''\n" + "x = 1\n" * 400),
    (says_what_it_is, "pipeline/evidence.py", "x = 1  # no docstring"),
    (has_a_name_of_the_field, "model/utils.py", ""),
    (has_a_name_of_the_field, "core/activity.py", ""),
    (has_a_name_of_the_field, "store/month_manager.py", ""),
    (has_one_home, "model/footprint.py", "is_inhaler = pl.col('reads_as') != 'not an inhaler'"),
    (has_one_home, "tables/measures.py", "GATES = pl.Enum(['ranked', 'shown', 'listed'])"),
]


@pytest.mark.parametrize(("law", "path", "text"), BROKEN, ids=lambda value: getattr(value, "__name__", str(value))[:60])
def test_a_planted_violation_is_seen(law, path, text):
    assert law(text, PurePosixPath(path)) != []


def test_every_law_is_broken_once_and_good_text_breaks_none():
    assert {law for law, _, _ in BROKEN} == set(LAWS)
    good = '"""Good."""\n\nimport polars as pl\n\nfrom prescarbon.model.sums import exact_sum\n\nx = exact_sum("a")\n'
    assert [law.__name__ for law in LAWS if law(good, PurePosixPath("model/activity.py"))] == []


def test_a_house_of_long_modules_is_seen():
    def house(lines: int) -> dict[PurePosixPath, str]:
        long = {PurePosixPath(f"model/{n}.py"): "x = 1\n" * lines for n in range(3)}
        return long | {PurePosixPath(f"room{n}/__init__.py"): "" for n in range(9)}

    assert typical_size(house(120)) == []
    assert typical_size(house(121)) == ["the median module has 121 lines, at most 120"]


def test_what_only_tests_call_is_seen():
    modules = {
        PurePosixPath("model/sums.py"): (
            "def used_here(): ...\ndef used_there(): ...\ndef used_by_module(): ...\ndef forgotten(): ...\n"
            "def door(): ...\ndef _private(): ...\nX = used_here()\n"
            "class Used:\n    def asked(self): ...\n    def shown(self): ...\n    def never(self): ...\n"
            "class Unused: ...\n"
            "@click.command()\ndef command(): ...\n"
        ),
        PurePosixPath("pipeline/a.py"): (
            "from prescarbon.model.sums import Used, used_there\nfrom prescarbon.model import sums\n"
            "sums.used_by_module()\nUsed().asked()\n"
        ),
        PurePosixPath(
            "pipeline/b.py"
        ): "def forgotten(): ...\nforgotten()\n",  # the same name elsewhere is no use of it
    }
    assert unused(modules, ("model",), doors=("door",), templates="{{ page.shown }}") == [
        "model/sums.py: forgotten",
        "model/sums.py: Used.never",
        "model/sums.py: Unused",
    ]
    assert unused(modules, ()) == []
