"""Reads reference/wording: the sentences of the pages, which a pharmacist may change without touching a template."""

import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prescarbon.errors import DefinitionError, Fault, refuse
from prescarbon.reference.files import Files, find_reference

FILE = Path("wording") / "pages.toml"
Wording = Mapping[str, Mapping[str, Any]]
REMEDY = "Keys and {placeholders} stay as they are delivered."


def gather_wording(files: Files) -> tuple[Wording, list[Fault]]:
    """group → key → sentence (or list of sentences) of a folder that may hold only what it changes, and its faults."""
    shipped = find_reference()
    delivered = (files if files.root == shipped else Files(shipped)).document(shipped / FILE, dict[str, Any])
    ours = delivered.content
    file = files.root / FILE
    if ours is None or not file.is_file():
        return ours or {}, list(delivered.faults)
    document = files.document(file, dict[str, Any])
    own = document.content or {}
    faults = [*document.faults, *_faults(ours, own, document.name)]
    if faults:
        return ours, faults
    return {group: {**sentences, **own.get(group, {})} for group, sentences in ours.items()}, []


def read_wording(files: Files) -> Wording:
    """group → key → sentence (or list of sentences); a folder of one's own may hold only what it changes.

    Raises:
        DefinitionError: an unknown key, a text that is no text, or a {placeholder} that is never filled in: all at once.
    """
    wording, faults = gather_wording(files)
    refuse(faults, DefinitionError, REMEDY)
    return wording


def _faults(ours: Mapping[str, Any], own: Mapping[str, Any], name: str) -> Iterator[Fault]:
    for group, sentences in own.items():
        if group not in ours or not isinstance(sentences, Mapping):
            yield Fault(name, 0, group, "", "there is no such group of sentences")
            continue
        for key, text in sentences.items():
            place, delivered = f"{group}.{key}", ours[group].get(key)
            if delivered is None:
                yield Fault(name, 0, place, "", "there is no such sentence")
            elif type(text) is not type(delivered) or any(not isinstance(line, str) for line in _lines(text)):
                must = "a list of texts" if isinstance(delivered, list) else "a text"
                yield Fault(name, 0, place, "", f"must be {must}")
            else:
                yield from _placeholder_faults(name, place, delivered, text)


def _placeholder_faults(name: str, place: str, delivered: str | list[str], text: str | list[str]) -> Iterator[Fault]:
    known = {field for line in _lines(delivered) for field in _placeholders(line)}
    try:
        unknown = {field for line in _lines(text) for field in _placeholders(line)} - known
    except ValueError as error:
        yield Fault(name, 0, place, "", f"its braces do not pair ({error})")
        return
    for field in sorted(unknown):
        may = ", ".join(sorted(known)) or "no placeholder"
        yield Fault(name, 0, place, "", f"{{{field}}} is never filled in; it may hold {may}")


def _lines(text: str | list[str]) -> list[str]:
    return text if isinstance(text, list) else [text]


def _placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
