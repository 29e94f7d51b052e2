"""Makes the local folder: an empty file of each kind, beside the store; what is there is never touched."""

from typing import Any

from prescarbon.config import Config
from prescarbon.reference.local_folder import local_folder, templates
from prescarbon.store.atomic import writing_to


def make_local_folder(config: Config) -> dict[str, Any]:
    """Write a template of each file that the local folder does not hold: folder, made, kept (names of files).

    Raises:
        StoreError: the folder cannot be written to.
    """
    folder = local_folder(config.home, config.local)
    made: list[str] = []
    kept: list[str] = []
    with writing_to(folder, "Choose another folder with --home, or `local` in prescarbon.toml."):
        for name, text in templates().items():
            try:
                with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
                made.append(name)
            except FileExistsError:
                kept.append(name)
    return {"folder": str(folder), "made": made, "kept": kept}
