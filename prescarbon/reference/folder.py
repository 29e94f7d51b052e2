"""The folder of definitions: which file holds rows or keys of which kind, read once and judged by itself."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from prescarbon.errors import DefinitionError
from prescarbon.reference import spend as spend_
from prescarbon.reference.cells import Row
from prescarbon.reference.documents import Document, content_of
from prescarbon.reference.doses import DoseBandRow, DoseOfRow, PotencyRow, SubstanceRow
from prescarbon.reference.factor_rows import Bands, BrandMixRow, ComponentRow, GwpRow
from prescarbon.reference.files import Files
from prescarbon.reference.local import LocalFiles
from prescarbon.reference.places import BlmkRow, PlacePart
from prescarbon.reference.products import CatalogueRow, CodeChangeRow, NotInhalerRow, ProductRow, WithoutFactorRow
from prescarbon.reference.sheets import REMEDY, Sheet, rows_of
from prescarbon.reference.sources import Correction, SourcePart
from prescarbon.reference.targets import KpiRow, TargetRow

NO_LOCAL_FILES = LocalFiles()
TABLES: Mapping[str, type[Row]] = {
    "products/inhalers.csv": ProductRow,
    "products/not-inhalers.csv": NotInhalerRow,
    "products/without-factor.csv": WithoutFactorRow,
    "products/code-changes.csv": CodeChangeRow,
    "factors/inhalers.csv": ComponentRow,
    "factors/brand-mix.csv": BrandMixRow,
    "factors/gwp100.csv": GwpRow,
    "factors/spend.csv": spend_.SpendRow,
    "factors/spend-width.csv": spend_.WidthRow,
    "factors/gdp-deflator.csv": spend_.DeflatorRow,
    "doses.csv": DoseOfRow,
    "substances.csv": SubstanceRow,
    "potency.csv": PotencyRow,
    "dose-bands.csv": DoseBandRow,
    "targets/targets.csv": TargetRow,
    "targets/kpis.csv": KpiRow,
    "organisations/blmk.csv": BlmkRow,
    "sample/catalogue.csv": CatalogueRow,
}
DOCUMENTS: Mapping[str, Any] = {
    "sources.toml": TypeAdapter(dict[str, SourcePart]),
    "corrections.toml": TypeAdapter(dict[str, Correction]),
    "factors/plausible.toml": TypeAdapter(Bands),
    "organisations/places.toml": TypeAdapter(dict[str, PlacePart]),
}


@dataclass(frozen=True)
class Folder:
    """Its files as they are.

    root      the folder
    imported  the user's own factor sets
    local     the user's own files about switches, KPIs and the scope
    """

    root: Path
    imported: tuple[Path, ...] = ()
    local: LocalFiles = NO_LOCAL_FILES

    @cached_property
    def files(self) -> Files:
        """What was read so far."""
        return Files(self.root)

    def sheet(self, name: str) -> Sheet:
        """One of TABLES with its faults."""
        return self.files.sheet(self.root / name, TABLES[name])

    def document(self, name: str) -> Document[Any]:
        """One of DOCUMENTS with its faults."""
        return self.files.document(self.root / name, DOCUMENTS[name])

    def _rows(self, name: str) -> pl.DataFrame:
        return rows_of(self.sheet(name))

    def _content(self, name: str) -> Any:
        return content_of(self.document(name))

    @cached_property
    def sha256(self) -> str:
        """Hash of every file's name and bytes below the folder, in order, of what is laid over, and every imported set."""
        digest = hashlib.sha256()
        inside = [(str(f.relative_to(self.root)), f) for f in self.root.rglob("*") if f.is_file()]
        own = [(f.name, f) for f in (*self.imported, *self.local.laid_over)]
        for name, file in sorted(inside) + own:
            try:
                digest.update(name.encode() + b"\0" + self.files.bytes_of(file))
            except OSError as error:
                raise DefinitionError(f"cannot be read ({error.strerror}).", where=name, remedy=REMEDY) from error
        return digest.hexdigest()
