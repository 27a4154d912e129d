"""Descriptions of directories that DVC was given, and that nothing names any more."""

from __future__ import annotations

import os
from pathlib import Path

from mlorch.mirrors.dvc import old_manifests
from mlorch.mirrors.dvc.repository import OBJECTS

OLD, NAMED, YOUNG = (f"{digit * 32}.dir" for digit in "abc")


def test_those_go_that_are_old_and_that_no_lock_names(tmp_path: Path):
    for name in (OLD, NAMED, YOUNG, "d" * 32):
        path = tmp_path / OBJECTS / name[:2] / name[2:]
        path.parent.mkdir(parents=True)
        path.write_text("[]")
        os.utime(path, (1.0, 1.0) if name != YOUNG else (9.0, 9.0))
    (tmp_path / "dvc.lock").write_text(f"stages:\n  a:\n    outs:\n    - path: data/a\n      md5: {NAMED}\n")
    assert list(old_manifests(tmp_path, 5.0)) == [OLD]
    (tmp_path / "dvc").mkdir()
    (tmp_path / "dvc" / "dvc.lock").write_text(f"md5: {OLD}\n")
    assert list(old_manifests(tmp_path, 5.0)) == []


def test_where_there_is_nothing_nothing_goes(tmp_path: Path):
    assert list(old_manifests(tmp_path, 5.0)) == []
