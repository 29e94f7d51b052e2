"""A TOML file in the shape it should have, or every fault of it by its dotted key."""

import re
import tomllib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from prescarbon.errors import DefinitionError, Fault, faults_of, refuse, shown
from prescarbon.reference.sheets import REMEDY, decoded

Shape = TypeVar("Shape")


@dataclass(frozen=True)
class Document(Generic[Shape]):
    """A TOML file, typed, and its faults; no content where there is a fault."""

    name: str
    content: Shape | None
    faults: tuple[Fault, ...]


def content_of(document: Document[Shape]) -> Shape:
    """What a document says.

    Raises:
        DefinitionError: naming every fault of the file.
    """
    refuse(document.faults, DefinitionError, REMEDY)
    assert document.content is not None  # only where there is a fault
    return document.content


def read_document(
    content: bytes, name: str, shape: type[Shape] | TypeAdapter[Shape], context: object = None
) -> Document[Shape]:
    """Typed content of a TOML file, or every fault of it."""
    raw, faults = parse_toml(content, name)
    if faults:
        return Document(name, None, tuple(faults))
    return shape_document(raw, name, shape, context)


def shape_document(
    raw: object, name: str, shape: type[Shape] | TypeAdapter[Shape], context: object = None
) -> Document[Shape]:
    """Content of a TOML file, already parsed, as the shape it should have, or every fault of it.

    context  what the validators of the shape need beside the file
    """
    adapter = shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)
    try:
        return Document(name, adapter.validate_python(raw, context=context), ())
    except ValidationError as invalid:
        return Document(name, None, tuple(faults_of(invalid, name)))


def parse_toml(content: bytes, name: str) -> tuple[dict[str, Any], list[Fault]]:
    """What a TOML file says, or the one fault that keeps it from being read, with its line."""
    text, faults = decoded(content, name)
    try:
        return ({}, faults) if faults else (tomllib.loads(text), [])
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError, deep nesting a recursion
        said = re.search(r"line ([0-9]+)", str(error))
        line = int(said.group(1)) if said else 1
        return {}, [Fault(name, line, "", "", f"cannot be read as TOML ({shown(error)})")]
