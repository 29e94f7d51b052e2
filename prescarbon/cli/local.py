"""Commands about the local folder: what a place lays over the shipped reference."""

from prescarbon.cli.app import JSON, Commands, Say, cli, command
from prescarbon.config import Config
from prescarbon.pipeline.local import make_local_folder


@cli.group(cls=Commands)
def local() -> None:
    """Your local folder: sign-off, overrides and lists laid over the shipped reference at every upgrade."""


@command(local, "init")
@JSON
def local_init(config: Config, say: Say, as_json: bool) -> None:
    """Make the folder beside the store, an empty file of each kind in it; a file that is there stays as it is."""
    told = make_local_folder(config)
    made = f"made {', '.join(told['made'])}" if told["made"] else "made nothing"
    kept = f"; left as they are: {', '.join(told['kept'])}" if told["kept"] else ""
    say.answer(told, lambda: f"{told['folder']}: {made}{kept}", as_json=as_json)
