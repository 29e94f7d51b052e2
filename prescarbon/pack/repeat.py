"""A run again, from its manifest: the same settings over the same inputs give the same bytes, or a sentence says why not."""

from datetime import date
from pathlib import Path

from prescarbon import __version__
from prescarbon.config import config_from_settings
from prescarbon.errors import InputError
from prescarbon.pack.folder import MANIFEST, Pack, read_manifest
from prescarbon.pack.write import Progress, show_nothing, write_report
from prescarbon.reference.definitions import reference_of
from prescarbon.store.months import Store


def repeat_report(manifest: Path, home: Path, out: Path, *, progress: Progress = show_nothing) -> Pack:
    """The pack of a manifest.json again, under `out`, to the byte.

    manifest  of a whole run
    home      the store that holds the same months

    Raises:
        InputError: this is no run manifest, or the version, the reference data or a month is not the one it names.
        DefinitionError: a setting of it is none of ours.
    """
    said = read_manifest(manifest.parent) if manifest.name == MANIFEST else None
    settings, inputs = (said or {}).get("settings"), (said or {}).get("inputs")
    if said is None or not settings or not isinstance(inputs, list) or not inputs:
        raise InputError(
            "this is no manifest of a run that can be repeated.",
            where=manifest.name,
            remedy="Give a pack's manifest.json.",
        )
    config = config_from_settings(settings, home, out)
    held = {m.month: m.hash for m in Store(home).months()}
    differs = [f"month {row['month']}" for row in inputs if held.get(row["month"]) != row["hash"]]
    if said.get("reference_sha256") != reference_of(config).sha256:
        differs.append("the reference data")
    if said.get("version") != __version__:
        differs.append(f"prescarbon itself ({said.get('version')})")
    if differs:
        raise InputError(
            f"the run cannot be repeated to the byte: not as it was is {', '.join(differs)}.",
            where=manifest.name,
            remedy="Use the store and the version it was made with, or run `prescarbon report`.",
        )
    last_month = date.fromisoformat(f"{inputs[-1]['month']}-01")
    return write_report(config, last_month=last_month, months=len(inputs), last=manifest.parent, progress=progress)
