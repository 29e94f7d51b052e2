"""A run is published whole or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack import write as outputs
from prescarbon.pack.folder import replacing_folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_progress_counts_every_page_once_and_an_interrupted_run_leaves_the_old_pack_whole(home, tmp_path):
    config = Config(home=home, out=tmp_path / "out", scope=("gp",), is_scope_given=True)
    seen: list[tuple[int, int]] = []
    pack = outputs.write_report(config, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(done, 12 + 3 + 1) for done in range(1, 17)]
    before = tree(config.out)

    def interrupt(done: int, _of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outputs.write_report(replace(config, show_draft_rules=True), progress=interrupt)
    assert tree(config.out) == before
    assert [p.name for p in config.out.iterdir()] == [pack.folder.name]


@pytest.fixture
def old(tmp_path) -> Path:
    folder = tmp_path / "2026-01"
    folder.mkdir()
    (folder / "page").write_text("old")
    return folder


def write_and_fail(folder: Path, error: BaseException) -> None:
    with replacing_folder(folder) as draft:
        (draft / "page").write_text("new")
        raise error


@pytest.mark.parametrize(
    ("error", "told"), [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "full"), InputError)]
)
def test_a_failed_write_leaves_the_old_folder_and_nothing_else(old, error, told):
    with pytest.raises(told):
        write_and_fail(old, error)
    assert tree(old.parent) == {"2026-01/page": b"old"}


def test_a_whole_write_replaces_the_folder(old):
    with replacing_folder(old) as draft:
        (draft / "other").write_text("new")
    assert tree(old.parent) == {"2026-01/other": b"new"}


def test_a_run_killed_between_its_two_renames_is_put_right_by_the_next(old):
    old.rename(old.with_name(".2026-01.old"))
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(old, KeyboardInterrupt())
    assert tree(old.parent) == {"2026-01/page": b"old"}
