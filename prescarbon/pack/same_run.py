"""May pages of this run stand among those of a pack that is there? Only where both came of the same."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prescarbon.errors import InputError
from prescarbon.manifest import RunManifest
from prescarbon.pack.folder import read_manifest

OTHER_DAY = "the settings as_of"
WHOLE_RUN = "Run `prescarbon report` for the whole pack, or choose another folder with --out."
# what a run is made of: with these the same, everything else of it is
MADE_OF = {
    "version": "the version of prescarbon",
    "reference_sha256": "the reference data",
    "inputs": "the months",
    "other_inputs": "organisation files, published values or own files",
}


def check_same_run(final: Path, manifest: RunManifest) -> None:
    """Refuse to put pages of one run among those of another.

    Raises:
        InputError: the pack that is there came of other inputs, settings or definitions, or does not say of which.
    """
    if not final.exists():
        return
    there = read_manifest(final)
    if there is None:
        raise InputError(f"the pack in {final.name} has no manifest to tell which run it came of.", remedy=WHOLE_RUN)
    if other := list(_differences(there, json.loads(manifest.to_json()))):
        day = _day_of(there)
        remedy = f"Add `--as-of {day}`, the day of that run. {WHOLE_RUN}" if other == [OTHER_DAY] and day else WHOLE_RUN
        raise InputError(
            f"the pack in {final.name} came of another run (different: {', '.join(other)}), so these pages would not agree "
            "with the others.",
            remedy=remedy,
        )


def _day_of(there: Mapping[str, Any]) -> str:
    settings = there.get("settings")
    return str(settings.get("as_of") or "") if isinstance(settings, Mapping) else ""


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    yield from (words for key, words in MADE_OF.items() if there.get(key) != here[key])
    then, now = there.get("settings"), here["settings"]
    then = then if isinstance(then, Mapping) else {}
    odd = sorted(key for key in {*then, *now} if then.get(key) != now.get(key))
    if odd:
        yield f"the settings {', '.join(odd)}"
