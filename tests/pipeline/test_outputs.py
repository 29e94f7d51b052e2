"""A run is published whole or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pipeline import outputs


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def config(home, tmp_path) -> Config:
    return Config(home=home, out=tmp_path / "out", scope=("gp",), is_scope_given=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_run_leaves_the_old_pack_whole(config, error):
    pack = outputs.write_report(config)
    before = tree(config.out)

    def interrupt(done: int, _of: int) -> None:
        if done == 5:
            raise error("stopped")

    with pytest.raises((error, InputError)):
        outputs.write_report(replace(config, show_draft_rules=True), progress=interrupt)
    assert tree(config.out) == before
    assert [p.name for p in config.out.iterdir()] == [pack.folder.name]
    outputs.write_report(replace(config, show_draft_rules=True))
    assert tree(config.out) != before


def test_a_run_killed_between_its_two_renames_is_put_right_by_the_next(config):
    pack = outputs.write_report(config)
    before = tree(pack.folder)
    pack.folder.rename(pack.folder.with_name(f".{pack.folder.name}.old"))
    with pytest.raises(KeyboardInterrupt):
        outputs.write_report(config, progress=stop)
    assert tree(pack.folder) == before


def stop(_done: int, _of: int) -> None:
    raise KeyboardInterrupt


def test_the_progress_counts_every_page_once(config):
    seen: list[tuple[int, int]] = []
    outputs.write_report(config, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(done, 12 + 3 + 1) for done in range(1, 17)]
