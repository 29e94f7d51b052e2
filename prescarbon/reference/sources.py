"""sources.toml and corrections.toml: where every number comes from, and what is wrong at the source."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import PlainValidator

from prescarbon.reference.keys import Filled, ListOf, Part

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Source:
    """One section of sources.toml."""

    id: str
    title: str
    publisher: str
    address: str
    licence: str
    scope: str
    gwp_basis: str
    published: str


def _year_date_or_words(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | date | str) or not str(value).strip():
        raise ValueError("must be a year, a date or words")
    return value


class SourcePart(Part):
    """A section of sources.toml as it stands."""

    title: Filled
    publisher: Filled = NOT_STATED
    address: Filled = NOT_STATED
    licence: Filled = NOT_STATED
    scope: Filled = NOT_STATED
    gwp_basis: Filled = NOT_STATED
    published: Annotated[int | date | str, PlainValidator(_year_date_or_words)] = NOT_STATED
    accessed: date | None = None


class Correction(Part):
    """A section of corrections.toml: a known error of a source, with what to expect there."""

    source_id: Filled
    words: Filled
    expect_absent_old_codes: ListOf[Filled] = ()


def sources_of(parts: dict[str, SourcePart]) -> dict[str, Source]:
    """Source id → what it is."""
    return {
        name: Source(
            id=name,
            title=part.title,
            publisher=part.publisher,
            address=part.address,
            licence=part.licence,
            scope=part.scope,
            gwp_basis=part.gwp_basis,
            published=str(part.published),
        )
        for name, part in parts.items()
    }
