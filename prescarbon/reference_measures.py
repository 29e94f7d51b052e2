"""Reads and checks reference/measures; model/ never touches a file."""

import io
import tomllib
from collections.abc import Collection
from importlib.resources.abc import Traversable
from pathlib import Path

import polars as pl

from prescarbon.errors import DefinitionError
from prescarbon.model.measure_definitions import Measure, expand, measure_from


def read_measures(reference: Path | Traversable, sources: Collection[str] | None = None) -> tuple[Measure, ...]:
    """All measures of reference/measures, in order of id; one with `split` is there once for each value.

    reference  the folder with measures/: a TOML file for each measure, and the code lists (CSV) they name
    sources    ids of sources.toml; where given, every measure and code list must cite one of them
    raises     DefinitionError naming file, key and reason: every fault of every file at once
    """
    folder = reference / "measures"
    if not folder.is_dir():
        raise DefinitionError("holds no measures folder.", where=reference.name, remedy="Is this the reference folder?")
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    faults: list[str] = []
    codes: dict[str, pl.DataFrame] = {}
    measures: list[Measure] = []
    for file in files:
        if file.name.endswith(".csv"):
            try:
                codes[file.name] = pl.read_csv(io.BytesIO(file.read_bytes()), infer_schema=False)
            except pl.exceptions.PolarsError as error:
                faults.append(f"{file.name}: cannot be read as CSV ({error}).")
    for file in files:
        if file.name.endswith(".toml"):
            try:
                measures += expand(_read_measure(file, codes))
            except DefinitionError as error:
                faults.append(str(error))
    ids = [m.id for m in measures]
    faults += [f"measures: the id {i} stands in two files." for i in sorted({i for i in ids if ids.count(i) > 1})]
    if sources is not None:
        faults += _unknown_sources(measures, codes, sources)
    if faults:
        raise DefinitionError("\n".join(faults))
    if not measures:
        raise DefinitionError("holds no measure.", where="measures", remedy="Is this the reference folder?")
    return tuple(sorted(measures, key=lambda m: m.id))


def _read_measure(file: Traversable, codes: dict[str, pl.DataFrame]) -> Measure:
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"cannot be read as TOML ({error}).", where=file.name) from error
    measure = measure_from(raw, codes, file.name)
    if file.name != f"{measure.id}.toml":
        raise DefinitionError(f"id: is {measure.id!r}, not the file's name.", where=file.name)
    return measure


def _unknown_sources(
    measures: Collection[Measure], codes: dict[str, pl.DataFrame], sources: Collection[str]
) -> list[str]:
    cited = {(f"{m.id}.toml", m.source_id) for m in measures if m.source_id not in sources}
    cited |= {
        (name, source)
        for name, table in codes.items()
        if "source_id" in table.columns
        for source in table.get_column("source_id").unique().to_list()
        if source not in sources
    }
    return [f"{file}: source_id: {source!r} is no section of sources.toml." for file, source in sorted(cited, key=str)]
