"""Two renames make a pack new: whatever fails at either, the pack that stood there stands again."""

from pathlib import Path

import pytest

from prescarbon.errors import InputError
from prescarbon.pack.folder import adding_to_folder, replacing_folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "2026-01"
    folder.mkdir()
    (folder / "page").write_text("old")
    return folder


def refuse(monkeypatch: pytest.MonkeyPatch, part: str, error: BaseException) -> None:
    """The rename of a folder whose name holds `part` fails."""
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if part in self.name:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)


@pytest.mark.parametrize("moment", [".part", "2026-01"])
def test_a_rename_that_fails_leaves_the_old_pack_under_its_name(old, monkeypatch, moment):
    refuse(monkeypatch, moment, OSError(13, "locked"))
    with pytest.raises(InputError, match="locked"), replacing_folder(old) as draft:
        (draft / "page").write_text("new")
    assert {p.name: (p / "page").read_text() for p in old.parent.iterdir()} == {"2026-01": "old"}


def test_a_kill_between_the_renames_loses_nothing(old, monkeypatch):
    with monkeypatch.context() as patch:
        refuse(patch, ".part", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt), replacing_folder(old) as draft:
            (draft / "page").write_text("new")
    with adding_to_folder(old) as draft:
        (draft / "other").write_text("added")
    assert sorted((p.name, p.read_text()) for p in old.iterdir()) == [("other", "added"), ("page", "old")]


def test_a_first_pack_that_cannot_take_its_name_leaves_nothing(tmp_path, monkeypatch):
    refuse(monkeypatch, ".part", OSError(28, "full"))
    with pytest.raises(InputError, match="full"), replacing_folder(tmp_path / "2026-01") as draft:
        (draft / "page").write_text("new")
    assert list(tmp_path.iterdir()) == []
