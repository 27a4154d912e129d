"""Instances and runs for tests."""

from __future__ import annotations

from threading import Lock
from unittest.mock import MagicMock, Mock

import pytest

from mlorch import (
    AssetSelection,
    ConfigurableResource,
    Instance,
    StaticPartitionsDefinition,
    asset,
    build_asset_context,
    instance_for_test,
    materialize,
    materialize_to_memory,
)
from mlorch.errors import UserError
from mlorch.iomanagers.memory import InMemoryIOManager


class Service(ConfigurableResource):
    url: str

    def answer(self) -> int:
        raise NotImplementedError


@asset
def unpicklable():
    return Lock()


@asset(io_manager_key="elsewhere")
def kept(unpicklable):
    return unpicklable.locked()


def test_an_instance_for_a_test_is_on_disk_until_the_test_ends(tmp_path):
    @asset
    def numbers() -> list[int]:
        return [1]

    with instance_for_test() as instance:
        assert materialize([numbers], instance=instance).success
        folder = instance.store.write("x", lambda file: file.write(b"x"))
        assert folder.size == 1
        assert len(instance.get_runs()) == 1
    with instance_for_test(temp_dir=str(tmp_path)) as instance:
        materialize([numbers], instance=instance)
    assert (tmp_path / ".mlorch" / "mlorch.db").exists()


def test_values_stay_in_memory_as_they_are():
    result = materialize_to_memory([unpicklable, kept])
    assert result.success
    assert result.asset_value("kept") is False
    assert type(result.asset_value("unpicklable")) is type(Lock())


def test_a_selection_partition_and_instance_are_as_in_materialize():
    @asset(partitions_def=StaticPartitionsDefinition(["a", "b"]))
    def letters(context) -> str:
        return str(context.partition_key)

    instance = Instance.ephemeral()
    result = materialize_to_memory(
        [unpicklable, kept, letters],
        instance=instance,
        partition_key="b",
        selection=AssetSelection.assets(letters),
        tags={"why": "test"},
    )
    assert result.asset_value("letters") == "b"
    (run,) = instance.get_runs()
    assert run.tags["why"] == "test"
    assert instance.get_materialized_partitions("letters") == {"b"}
    assert instance.get_latest_materialization_event("kept") is None


def test_what_fails_is_raised_or_told():
    @asset
    def broken():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        materialize_to_memory([broken])
    assert not materialize_to_memory([broken], raise_on_error=False).success


@pytest.mark.parametrize("double", [MagicMock(), Mock(spec=Service)], ids=["any", "of its class"])
@pytest.mark.parametrize("make", [materialize, materialize_to_memory])
def test_a_double_stands_for_a_resource(make, double):
    double.answer.return_value = 42

    @asset
    def asking(service: Service) -> int:
        return service.answer()

    assert make([asking], resources={"service": double}).asset_value("asking") == 42
    assert asking(build_asset_context(resources={"service": double})) == 42
    assert asking(double) == asking(service=double) == 42


def test_an_io_manager_is_refused():
    with pytest.raises(UserError, match=r"so it takes no IO manager \('elsewhere'\)"):
        materialize_to_memory([unpicklable, kept], resources={"elsewhere": InMemoryIOManager()})
