"""BLMK's practices and places."""

from dataclasses import dataclass
from typing import Annotated

import polars as pl

from prescarbon.reference.cells import Date, Organisation, Row, Text, one_of
from prescarbon.reference.keys import Filled, ListOf, OrganisationCode, Part
from prescarbon.tables.organisations import PRACTICES, SETTINGS


@dataclass(frozen=True)
class Place:
    """One place of the ICB: its name and the practices that work in it."""

    name: str
    practice_codes: tuple[str, ...]


class PlacePart(Part):
    """A section of organisations/places.toml as it stands."""

    name: Filled
    legacy_ccg_code: Filled | None = None
    source_id: Filled
    source_id_closed: Filled | None = None
    practice_codes: ListOf[OrganisationCode] = ()


class BlmkRow(Row):
    """organisations/blmk.csv: a practice in a period in which nothing changed."""

    SPAN = ("valid_from", "valid_to")
    practice_code: Organisation
    practice_name: Text
    setting: Annotated[str, one_of(SETTINGS)]
    pcn_code: Organisation | None
    pcn_name: Text | None
    sub_icb_code: Organisation | None
    icb_code: Organisation | None
    valid_from: Date
    valid_to: Date
    opened: Date | None
    closed: Date | None
    source_id: Text
    pcn_source_id: Text | None


def places_of(parts: dict[str, PlacePart]) -> dict[str, Place]:
    """Place id → Place, in the order of the file."""
    return {key: Place(part.name, part.practice_codes) for key, part in parts.items()}


def blmk_of(rows: pl.DataFrame) -> pl.LazyFrame:
    """Table PRACTICES: the dated list of BLMK's GP practices, the default scope."""
    return PRACTICES.admit(rows.lazy())
