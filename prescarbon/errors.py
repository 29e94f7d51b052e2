"""What can go wrong: one class per exit code; each message says what, where and the remedy; and faults of files, all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

SHOWN = 20  # faults of one file in one message
LONGEST = 60  # characters of a value in a message
# kind of fault that pydantic names → our words
REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is an unknown key",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "date_type": "must be a date like 2026-01-31, without quotes",
    "tuple_type": "must be a list",
    "dict_type": "must be a table of keys and values",
    "model_type": "must be a table of keys and values",
    "mapping_type": "must be a table of keys and values",
    "too_short": "is empty",
    "string_too_short": "is empty",
    "too_long": "has more than {max_length} values",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
}


class PrescarbonError(Exception):
    """A failure the user can act on: `where: what remedy` in one line; `exit_code` is the command's."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Say what is wrong, where (file, column, row), and what to do about it."""
        super().__init__(": ".join(filter(None, [where, what])) + (f" {remedy}" if remedy else ""))


class InputError(PrescarbonError):
    """A file, a row, a folder or a code that the user gave."""

    exit_code = 3


class PortalError(PrescarbonError):
    """The open data portal did not give what was asked for."""

    exit_code = 4


class DefinitionError(PrescarbonError):
    """A file under reference/, or the configuration, is wrong."""

    exit_code = 5


class CoverageError(PrescarbonError):
    """Too many inhalers without a factor to publish a total."""

    exit_code = 6


@dataclass(frozen=True)
class Fault:
    """One wrong cell or key of a file.

    line    of a CSV (the header is line 1) or of a file that cannot be parsed; 0 for a key of a TOML file
    column  the column, or the dotted key (dose.ratio); empty where the file as a whole is wrong
    value   what stands there, shortened
    """

    file: str
    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        """The fault without its file, as a clause."""
        place = ", ".join(filter(None, [f"line {self.line}" if self.line else "", self.column]))
        said = f"{self.value!r} {self.reason}" if self.value else self.reason
        return f"{place}: {said}" if place else said


def refuse(faults: Sequence[Fault], error: type[PrescarbonError], remedy: str = "") -> None:
    """Raise one error that names every fault, a line for each file; nothing where there is none."""
    lines = []
    for file in dict.fromkeys(fault.file for fault in faults):
        said = [str(fault) for fault in faults if fault.file == file]
        more = f"; and {len(said) - SHOWN} more, which `prescarbon reference check` names" if len(said) > SHOWN else ""
        lines.append(f"{file}: {'; '.join(said[:SHOWN]).rstrip('.')}{more}.")
    if lines:
        raise error("\n".join(lines), remedy=remedy)


def faults_of(invalid: "ValidationError", file: str, lines: Sequence[int] = ()) -> list[Fault]:
    """The library's faults in our words.

    lines  of each row, where what was judged is a list of rows: then the first part of a place is the row
    """
    found = []
    for said in invalid.errors(include_url=False):
        place = said["loc"]
        line, place = (lines[int(place[0])], place[1:]) if lines else (0, place)
        value = "" if said["type"] == "missing" else shown(said["input"])
        found.append(Fault(file, line, _dotted(place), value, _reason(said)))
    return sorted(found, key=lambda fault: fault.line)


def _dotted(place: Sequence[str | int]) -> str:
    """The key with dots; of a list of tables, as [[guard]], which one it is."""
    names = [part for part in place if isinstance(part, str) and part != "[key]"]
    if len(place) > 2 and isinstance(place[1], int):
        names[0] = f"{names[0]}[{place[1] + 1}]"
    return ".".join(names)


def shown(value: object) -> str:
    """A value as a message shows it: one line, not too long; nothing for a table or list."""
    if value is None or isinstance(value, dict | list | tuple) or hasattr(value, "model_fields_set"):
        return ""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _reason(said: "ErrorDetails") -> str:
    if said["type"] == "value_error":
        return str(said["ctx"]["error"])
    words = REASONS.get(said["type"])
    return words.format(**said.get("ctx", {})) if words else f"is refused ({said['msg']})"
