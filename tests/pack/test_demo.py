"""The demo where nothing can be written."""

from pathlib import Path

import pytest

from prescarbon.config import Config
from prescarbon.pack.demo import write_demo
from prescarbon.store.atomic import StoreError


def test_a_home_below_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "afile").touch()
    with pytest.raises(
        StoreError, match=r"^the folder demo: cannot be written to .*Choose another folder with --home\.$"
    ):
        write_demo(Config(home=tmp_path / "afile" / "x", out=tmp_path / "out"))
