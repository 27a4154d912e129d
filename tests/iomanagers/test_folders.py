"""Folders of files, pickles in a folder of one's own, and fs and mem as Dagster calls them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlorch import (
    DirectoryIOManager,
    FilesystemIOManager,
    Instance,
    asset,
    fs_io_manager,
    load_asset,
    materialize,
    mem_io_manager,
)
from mlorch.definitions.definitions import Definitions
from mlorch.errors import IntegrityError, RunFailedError, TypeCheckError


def test_a_folder_is_filled_moved_and_read_as_a_whole(tmp_path: Path) -> None:
    @asset(io_manager_key="folder")
    def images(folder: DirectoryIOManager) -> Path:
        new = folder.new_directory()
        (new / "cats").mkdir()
        (new / "cats" / "1.txt").write_text("miau")
        return new

    @asset
    def names(images: Path) -> list[str]:
        return sorted(one.relative_to(images).as_posix() for one in images.rglob("*"))

    result = materialize([images, names], resources={"folder": DirectoryIOManager(base_dir=str(tmp_path))})
    assert result.asset_value("names") == ["cats", "cats/1.txt"]
    assert (tmp_path / "images.dir" / "cats" / "1.txt").read_text() == "miau"
    assert os.listdir(tmp_path / ".new") == []


def test_another_folder_is_copied_and_replaces_the_one_before(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()

    @asset(io_manager_key="folder")
    def images() -> Path:
        return source

    resources = {"folder": DirectoryIOManager(base_dir=str(tmp_path / "kept"))}
    instance = Instance.ephemeral()
    (source / "1.txt").write_text("a")
    materialize([images], resources=resources, instance=instance)
    (source / "1.txt").rename(source / "2.txt")
    materialize([images], resources=resources, instance=instance)
    assert os.listdir(tmp_path / "kept" / "images.dir") == ["2.txt"]
    assert os.listdir(source) == ["2.txt"]

    definitions = Definitions([images], resources=resources)
    assert load_asset("images", instance=instance, definitions=definitions).is_dir()
    (tmp_path / "kept" / "images.dir" / "3.txt").write_text("smuggled in")
    with pytest.raises(IntegrityError, match="holds something else than what was recorded"):
        load_asset("images", instance=instance, definitions=definitions)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    @asset(io_manager_key="folder")
    def images() -> Path:
        return tmp_path / "nowhere"

    with pytest.raises((RunFailedError, TypeCheckError), match=r"return the pathlib\.Path of a folder"):
        materialize([images], resources={"folder": DirectoryIOManager(base_dir=str(tmp_path))})


def test_pickles_lie_under_the_base_and_every_version_stays(tmp_path: Path) -> None:
    numbers = iter([{1}, {2}])

    @asset(io_manager_key="fs")
    def made() -> object:
        return next(numbers)

    instance = Instance.ephemeral()
    resources = {"fs": FilesystemIOManager(base_dir=str(tmp_path))}
    definitions = Definitions([made], resources=resources)
    versions = []
    for _ in range(2):
        result = materialize([made], resources=resources, instance=instance)
        assert result.success
        versions.append(len(list(tmp_path.glob(".objects/md5/*/*"))))
    assert versions == [1, 2]
    assert (tmp_path / "made.pkl").exists()
    assert load_asset("made", instance=instance, definitions=definitions) == {2}


def test_fs_and_mem_are_used_as_dagster_s(tmp_path: Path) -> None:
    marker = object()

    @asset(io_manager_key="mem")
    def kept() -> object:
        return marker

    @asset(io_manager_key="fs")
    def is_same(kept: object) -> bool:
        return kept is marker

    resources = {"mem": mem_io_manager, "fs": fs_io_manager.configured({"base_dir": str(tmp_path)})}
    result = materialize([kept, is_same], resources=resources)
    assert result.asset_value("is_same") is True
    assert result.asset_value("kept") is marker
    assert (tmp_path / "is_same.pkl").exists()
