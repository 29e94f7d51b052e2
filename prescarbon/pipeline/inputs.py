"""What a run rests on besides its months and the reference data: organisation files, published values, own files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from prescarbon.config import Config
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.store.manifests import hash_of


def read_inputs(config: Config) -> tuple[Reference, tuple[str | None, ...]]:
    """The definitions as they are now, and name and hash of all that answers rest on besides the months and settings.

    Raises:
        DefinitionError: the definitions cannot be read, or the configuration names there what is none.
    """
    reference = reference_of(config)
    named = other_inputs(config.home, reference)
    return reference, (reference.sha256, *(text for file in named for text in (file["name"], file["hash"])))


def other_inputs(home: Path, reference: Reference) -> tuple[dict[str, str | None], ...]:
    """name and hash (sha256; None where it cannot be read) of each, in order of place and name.

    home       the store's folder: every organisation file and every file of published values imported to it
    reference  the definitions, with the user's own files about switches, KPIs and the scope
    """
    held = [*_held(home / "organisations", "organisations"), *_held(home / "published", "published")]
    return (*held, *_own(reference))


def _held(folder: Path, place: str) -> Iterator[dict[str, str | None]]:
    for file in sorted(folder.glob("*.parquet")):
        yield {"name": f"{place}/{file.name}", "hash": hash_of(file)}


def _own(reference: Reference) -> Iterator[dict[str, str | None]]:
    for file in reference.local.files:
        try:
            digest = hashlib.sha256(reference.files.bytes_of(file)).hexdigest()
        except OSError:  # who needs the file says so in a sentence of its own
            digest = None
        yield {"name": file.name, "hash": digest}
