"""What kind of promise a test keeps: decided by where it stands and what it uses, so that nobody marks it by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import is_hypothesis_test

from tests import portal_server

KINDS = ("unit", "property", "loopback", "browser", "acceptance")
TESTS = Path(__file__).parent


def kind_of(file: Path, test: Callable[..., Any], module: dict[str, Any], marks: set[str] = frozenset()) -> str:
    """The one kind of a test.

    file    where it stands: tests/browser and tests/acceptance are kinds of their own
    test    its function: one with hypothesis's @given is a property
    module  the names of its module: one that runs the portal's server talks real HTTP on loopback
    marks   marks it carries: `loopback` where it reaches a server in another way
    """
    room = file.relative_to(TESTS).parts[0]
    if room in ("browser", "acceptance"):
        return room
    if "loopback" in marks or any(thing is portal_server.running for thing in module.values()):
        return "loopback"
    return "property" if is_hypothesis_test(test) else "unit"
