"""A run again, from its manifest: the same settings over the same inputs give the same bytes, or a sentence says why not."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from prescarbon import __version__
from prescarbon.config import Config, config_from_settings, parse_month
from prescarbon.errors import InputError
from prescarbon.model.period import Period
from prescarbon.pack.earlier import PriceBase
from prescarbon.pack.folder import MANIFEST, Pack, read_manifest
from prescarbon.pack.write import Progress, show_nothing, write_report
from prescarbon.pipeline.inputs import other_inputs
from prescarbon.pipeline.prices import base_period
from prescarbon.reference.definitions import reference_of
from prescarbon.store.months import Store


class Month(BaseModel):
    """A month that a run read."""

    month: Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]
    hash: str


class Other(BaseModel):
    """What else a run rested on: see inputs.other_inputs."""

    name: str
    hash: str | None


def _in_order(months: list[Month]) -> list[Month]:
    names = [m.month for m in months]
    if names != sorted(set(names)):
        raise ValueError("months are not each once, in order")
    return months


class Run(BaseModel):
    """What of a run manifest a run is repeated from."""

    inputs: Annotated[list[Month], Field(min_length=1), AfterValidator(_in_order)]
    other_inputs: list[Other]
    settings: dict[str, Any]
    reference_sha256: str
    version: str
    is_whole: bool
    price_base: PriceBase | None = None


def repeat_report(manifest: Path, home: Path, out: Path, *, progress: Progress = show_nothing) -> Pack:
    """The pack of a manifest.json again, under `out`, to the byte.

    manifest  of a whole run
    home      the store that holds the same months

    Raises:
        InputError: this is no run manifest, or the version, the reference data, a month or another input is not the one
            it names.
        DefinitionError: a setting of it is none of ours.
    """
    run = _read_run(manifest)
    if not run.is_whole:
        raise InputError(
            "this manifest is of some pages of a run.",
            where=manifest.name,
            remedy="Make them again with --practice or --pcn, or give the manifest of a whole pack.",
        )
    config = config_from_settings(run.settings, home, out)
    if differs := list(_differences(run, config)):
        raise InputError(
            f"the run cannot be repeated to the byte: not as it was is {', '.join(differs)}.",
            where=manifest.name,
            remedy="Use the store and the version it was made with, or run `prescarbon report`.",
        )
    read = _period(run)
    return write_report(config, last_month=read.last, months=read.length, last=manifest.parent, progress=progress)


def _period(run: Run) -> Period:
    """The calendar months from the first to the last that the run read."""
    months = [parse_month(m.month) for m in run.inputs]
    return Period.of(months[0], months[-1], months)


def _read_run(manifest: Path) -> Run:
    try:
        return Run.model_validate(read_manifest(manifest.parent) if manifest.name == MANIFEST else None)
    except ValidationError as error:
        raise InputError(
            "this is no manifest of a run that can be repeated.",
            where=manifest.name,
            remedy="Give a pack's manifest.json.",
        ) from error


def _differences(run: Run, config: Config) -> Iterator[str]:
    """What is not as the manifest says it was, in words."""
    held = {m.month: m.hash for m in Store(config.home).months()}
    yield from (f"month {m.month}" for m in run.inputs if held.get(m.month) != m.hash)
    gaps = [f"{month:%Y-%m}" for month in _period(run).missing]
    yield from (f"month {month}, loaded since" for month in gaps if month in held)
    if run.price_base is not None and held:
        named = {*(m.month for m in run.inputs), *gaps}
        yield from (
            f"month {m}, which prices rest on" for m in _other_prices(run.price_base, config, held) if m not in named
        )
    reference = reference_of(config)
    if run.reference_sha256 != reference.sha256:
        yield "the reference data"
    then = {(other.name, other.hash) for other in run.other_inputs}
    now = {(other["name"], other["hash"]) for other in other_inputs(config.home, reference)}
    yield from sorted({str(name) for name, _ in then ^ now})
    if run.version != __version__:
        yield f"prescarbon itself ({run.version})"


def _other_prices(then_read: PriceBase, config: Config, held: Mapping[str, str]) -> list[str]:
    """The months that the constant prices rested on then or rest on now, and are not the same.

    held  month → hash of its file
    """
    base = base_period(config, [parse_month(month) for month in sorted(held)])
    first, last = f"{base.first:%Y-%m}", f"{base.last:%Y-%m}"
    then = {(m.month, m.hash) for m in then_read.months}
    read_all = any(not then_read.first <= m.month <= then_read.last for m in then_read.months)
    now = {(month, digest) for month, digest in held.items() if read_all or first <= month <= last}
    return sorted({month for month, _ in then ^ now})
