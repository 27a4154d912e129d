"""Paths of one's own, as IO managers written for Dagster use them."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

import pytest

from mlorch import (
    AssetKey,
    ConfigurableIOManager,
    InputContext,
    OutputContext,
    StaticPartitionsDefinition,
    UPathIOManager,
    asset,
    materialize,
)
from mlorch.definitions.io import StoredValue
from mlorch.errors import IntegrityError, NotFoundError, StorageError
from mlorch.iomanagers.memory import MemoryStore
from mlorch.iomanagers.paths import hash_of

MADE = AssetKey(["pre", "made"])


class Lines(UPathIOManager):
    extension: str | None = ".txt"

    def dump_to_path(self, context: OutputContext, obj: Any, path: Path) -> None:
        path.write_text("".join(f"{line}\n" for line in obj))

    def load_from_path(self, context: InputContext, path: Path) -> list[str]:
        return path.read_text().splitlines()

    def get_metadata(self, context: OutputContext, obj: Any) -> dict[str, Any]:
        return {"lines": len(obj)}


def output(partition: str | None = None, asset: AssetKey | None = MADE) -> OutputContext:
    return OutputContext(
        asset, partition, run_id="run", step_key="step", annotation=Any, path="made", store=MemoryStore()
    )


def reading(*partitions: str, stored: StoredValue | None = None, **options: Any) -> InputContext:
    return InputContext(
        MADE,
        partitions[0] if len(partitions) == 1 else None,
        annotation=Parameter.empty,
        path="made",
        store=MemoryStore(),
        partition_keys=partitions,
        content_hash=stored.content_hash if stored is not None else None,
        **options,
    )


def test_paths_are_those_that_people_expect(tmp_path: Path) -> None:
    manager = Lines(tmp_path)
    context = output("2013/01")
    stored = manager.handle_output(context, ["a"])
    path = tmp_path / "pre" / "made" / "2013" / "01.txt"
    assert path.read_text() == "a\n"
    assert stored == StoredValue(str(path), *hash_of(path))
    assert context.output_metadata == {"path": str(path), "lines": 1}
    manager.handle_output(output(asset=None), ["b"])
    assert (tmp_path / "run" / "step" / "result.txt").exists()
    assert manager.has_output(output("2013/01"))
    assert not manager.has_output(output("2013/02"))


def test_several_partitions_are_a_dict_one_is_itself_and_none_is_none(tmp_path: Path) -> None:
    manager = Lines(str(tmp_path))
    for key in ("a", "b"):
        manager.handle_output(output(key), [key])
    assert manager.load_input(reading("a", "b")) == {"a": ["a"], "b": ["b"]}
    assert manager.load_input(reading("a")) == ["a"]
    partitions_def = StaticPartitionsDefinition(["a", "b"])
    assert manager.load_input(reading(partitions_def=partitions_def)) is None


def test_missing_partitions_are_an_error_unless_they_may_be(tmp_path: Path) -> None:
    manager = Lines(tmp_path)
    manager.handle_output(output("a"), ["a"])
    for kind in (NotFoundError, FileNotFoundError):
        with pytest.raises(kind, match=r"nothing lies at .*b\.txt; materialize it again"):
            manager.load_input(reading("a", "b"))
    allowed = {"allow_missing_partitions": True}
    assert manager.load_input(reading("a", "b", metadata=allowed)) == {"a": ["a"]}
    assert manager.load_input(reading("b", metadata=allowed)) is None


class Broken(Lines):
    def dump_to_path(self, context: OutputContext, obj: Any, path: Path) -> None:
        path.write_text("half")
        raise OSError("the cable is out")


def test_what_raises_half_way_leaves_the_value_before_and_no_trace(tmp_path: Path) -> None:
    Lines(tmp_path).handle_output(output(), ["a"])
    with pytest.raises(OSError, match="the cable is out"):
        Broken(tmp_path).handle_output(output(), ["b"])
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["made.txt"]
    assert Lines(tmp_path).load_input(reading()) == ["a"]


def test_a_changed_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    stored = Lines(tmp_path).handle_output(output(), ["a"])
    (tmp_path / "pre" / "made.txt").write_text("forged")
    with pytest.raises(IntegrityError, match="nothing of it was read"):
        Lines(tmp_path).load_input(reading(stored=stored))


class Escaping(Lines):
    def get_path_for_partition(self, context: Any, path: Path, partition: str) -> Path:
        return path / ".." / ".." / ".." / partition


def test_a_path_that_leaves_the_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="would leave"):
        Escaping(tmp_path / "base").handle_output(output("a"), ["a"])


def test_an_asset_that_gets_partitions_makes_room_for_them(tmp_path: Path) -> None:
    class Bare(Lines):
        extension = None

    Bare(tmp_path).handle_output(output(), ["whole"])
    Bare(tmp_path).handle_output(output("a"), ["part"])
    assert (tmp_path / "pre" / "made" / "a").read_text() == "part\n"


class Awaited(Lines):
    async def load_from_path(self, context: InputContext, path: Path) -> list[str]:  # type: ignore[override]
        return path.read_text().splitlines()


def test_reading_may_be_asynchronous(tmp_path: Path) -> None:
    Lines(tmp_path).handle_output(output(), ["a"])
    assert Awaited(tmp_path).load_input(reading()) == ["a"]


class Configured(ConfigurableIOManager, UPathIOManager):
    extension: str = ".txt"
    base: str

    @property
    def _base_path(self) -> Path:
        return Path(self.base)

    def dump_to_path(self, context: OutputContext, obj: str, path: Path) -> None:
        path.write_text(obj)

    def load_from_path(self, context: InputContext, path: Path) -> str:
        return path.read_text()


def test_a_configurable_one_with_paths_works_in_a_run(tmp_path: Path) -> None:
    @asset
    def greeting() -> str:
        return "hello"

    @asset
    def shouted(greeting: str) -> str:
        return greeting.upper()

    resources = {"io_manager": Configured(base=str(tmp_path))}
    assert materialize([greeting, shouted], resources=resources).asset_value("shouted") == "HELLO"
    assert (tmp_path / "shouted.txt").read_text() == "HELLO"
