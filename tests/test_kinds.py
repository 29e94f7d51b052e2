import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import portal_server
from tests.kinds import KINDS, TESTS, kind_of

ROOT = TESTS.parent
PYTEST = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]


def by_hand() -> None:
    """Stands for a test."""


@given(st.integers())
def for_all(_: int) -> None:
    """Stands for a property."""


@pytest.mark.parametrize(
    ("file", "test", "module", "marks", "kind"),
    [
        ("test_config.py", by_hand, {}, set(), "unit"),
        ("model/test_change.py", for_all, {}, set(), "property"),
        ("source/test_x.py", by_hand, {"running": portal_server.running}, set(), "loopback"),
        ("source/test_x.py", for_all, {"server": portal_server.running}, set(), "loopback"),
        ("source/test_x.py", by_hand, {}, {"loopback"}, "loopback"),
        ("browser/test_pages.py", by_hand, {}, set(), "browser"),
        ("acceptance/test_pack.py", for_all, {"running": portal_server.running}, {"real"}, "acceptance"),
    ],
)
def test_a_kind_follows_from_where_a_test_stands_and_what_it_uses(file, test, module, marks, kind):
    assert kind_of(TESTS / Path(file), test, module, marks) == kind


def test_every_test_has_exactly_one_kind(request):
    kinds = {
        item.nodeid: [mark.name for mark in item.iter_markers() if mark.name in KINDS] for item in request.session.items
    }
    assert {name: found for name, found in kinds.items() if len(found) != 1} == {}


def test_every_kind_is_registered_and_has_its_command():
    registered = [line.split(":")[0] for line in PYTEST["markers"]]
    assert set(KINDS) <= set(registered)
    (commands,) = re.findall(r"^KINDS := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert tuple(commands.split()) == KINDS
