"""Reads reference/wording: the sentences of the pages, which a pharmacist may change without touching a template."""

import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prescarbon.errors import DefinitionError
from prescarbon.reference.files import find_reference, read_toml

FILE = Path("wording") / "pages.toml"
Wording = Mapping[str, Mapping[str, Any]]


def read_wording(root: Path | None = None) -> Wording:
    """group → key → sentence (or list of sentences); a folder of one's own may hold only what it changes.

    Raises:
        DefinitionError: an unknown key, a text that is no text, or a {placeholder} that is never filled in: all at once.
    """
    ours = read_toml(find_reference() / FILE)
    if root is None or not (root / FILE).is_file():
        return ours
    own = read_toml(root / FILE)
    if faults := list(_faults(ours, own)):
        raise DefinitionError(
            "\n".join(faults), where=FILE.as_posix(), remedy="Keys and {placeholders} stay as they are delivered."
        )
    return {group: {**sentences, **own.get(group, {})} for group, sentences in ours.items()}


def _faults(ours: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    for group, sentences in own.items():
        for key, text in sentences.items() if isinstance(sentences, Mapping) else ():
            delivered = ours.get(group, {}).get(key)
            if delivered is None:
                yield f"{group}.{key}: there is no such sentence."
            elif type(text) is not type(delivered) or any(not isinstance(line, str) for line in _lines(text)):
                yield f"{group}.{key}: must be {'a list of texts' if isinstance(delivered, list) else 'a text'}."
            else:
                yield from _placeholder_faults(f"{group}.{key}", delivered, text)
        if not isinstance(sentences, Mapping) or group not in ours:
            yield f"{group}: there is no such group of sentences."


def _placeholder_faults(name: str, delivered: str | list[str], text: str | list[str]) -> Iterator[str]:
    known = {field for line in _lines(delivered) for field in _placeholders(line)}
    try:
        unknown = {field for line in _lines(text) for field in _placeholders(line)} - known
    except ValueError as error:
        yield f"{name}: its braces do not pair ({error})."
        return
    for field in sorted(unknown):
        yield f"{name}: {{{field}}} is never filled in; it may hold {', '.join(sorted(known)) or 'no placeholder'}."


def _lines(text: str | list[str]) -> list[str]:
    return text if isinstance(text, list) else [text]


def _placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
