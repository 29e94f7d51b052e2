"""BLMK's practices and places."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prescarbon.reference.files import read_toml
from prescarbon.tables.organisations import PRACTICES


@dataclass(frozen=True)
class Place:
    """One place of the ICB: its name and the practices that work in it."""

    name: str
    practice_codes: tuple[str, ...]


def read_places(root: Path) -> dict[str, Place]:
    """Place id → Place, in the order of reference/organisations/places.toml."""
    raw = read_toml(root / "organisations" / "places.toml")
    return {key: Place(place["name"], tuple(place.get("practice_codes", ()))) for key, place in raw.items()}


def default_scope(root: Path) -> pl.LazyFrame:
    """The dated list of BLMK's GP practices, reference/organisations/blmk.csv, as table PRACTICES.

    root  the reference folder
    """
    raw = pl.scan_csv(root / "organisations" / "blmk.csv", infer_schema=False)
    cells = [
        (pl.col(c.name).str.to_date() if c.dtype == pl.Date else pl.col(c.name).cast(c.dtype))
        for c in PRACTICES.columns
    ]
    return PRACTICES.admit(raw.select(cells))
