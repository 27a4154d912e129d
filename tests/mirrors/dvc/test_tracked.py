"""The version of a file that a person tracks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlorch.errors import StorageError
from mlorch.mirrors.dvc import tracked_version

DIGEST = "12345678901234567890123456789012"


def test_the_md5_that_dvc_recorded(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "flights.csv.dvc").write_text(
        f"outs:\n- md5: '{DIGEST}'\n  size: 4\n  hash: md5\n  path: flights.csv\n"
    )
    assert tracked_version(tmp_path, "raw/flights.csv") == DIGEST


def test_what_dvc_does_not_track_has_none(tmp_path: Path) -> None:
    assert tracked_version(tmp_path, "flights.csv") is None
    (tmp_path / "flights.csv.dvc").write_text("outs:\n- path: flights.csv\n")
    assert tracked_version(tmp_path, "flights.csv") is None


@pytest.mark.parametrize("text", ["", "outs: 1\n", "a: [", "outs:\n- md5: 1\n"])
def test_a_broken_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "flights.csv.dvc").write_text(text)
    with pytest.raises(StorageError, match=r"flights\.csv\.dvc is not what DVC writes"):
        tracked_version(tmp_path, "flights.csv")
