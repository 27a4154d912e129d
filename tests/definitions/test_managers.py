"""IO managers made from fields, factories and functions."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from mlorch import (
    AssetKey,
    ConfigurableIOManager,
    ConfigurableIOManagerFactory,
    ConfigurableResource,
    Definitions,
    EnvVar,
    InitResourceContext,
    InputContext,
    IOManager,
    OutputContext,
    asset,
    input_manager,
    io_manager,
    materialize,
)
from mlorch.errors import InvalidConfigError, InvalidDefinitionError, MlorchError
from mlorch.iomanagers.memory import InMemoryIOManager, MemoryStore

SHELVES: dict[str, dict[str, Any]] = {}


class Shelf(IOManager):
    """Keeps values on one of the shelves by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        SHELVES.setdefault(self.name, {})[str(context.asset_key)] = obj

    def load_input(self, context: InputContext) -> Any:
        return SHELVES[self.name][str(context.asset_key)]


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    SHELVES.clear()
    yield
    SHELVES.clear()


@asset(io_manager_key="shelf")
def four() -> int:
    return 4


@asset(io_manager_key="shelf")
def five(four: int) -> int:
    return four + 1


def run(shelf: Any) -> Any:
    return materialize([four, five], resources={"shelf": shelf})


class Settings(ConfigurableResource):
    prefix: str


class ConfigurableShelf(ConfigurableIOManager):
    name: str
    settings: Settings

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        Shelf(f"{self.settings.prefix}{self.name}").handle_output(context, obj)

    def load_input(self, context: InputContext) -> Any:
        return Shelf(f"{self.settings.prefix}{self.name}").load_input(context)


def test_fields_are_config_from_the_environment_and_from_other_resources(monkeypatch) -> None:
    monkeypatch.setenv("PREFIX", "my_")
    shelf = ConfigurableShelf(name="shelf", settings=Settings(prefix=EnvVar("PREFIX")))
    assert run(shelf).asset_value("five") == 5
    assert SHELVES == {"my_shelf": {"four": 4, "five": 5}}


def test_a_field_that_is_missing_is_told_before_anything_runs(monkeypatch) -> None:
    monkeypatch.delenv("PREFIX", raising=False)
    with pytest.raises(InvalidConfigError, match="PREFIX"):
        run(ConfigurableShelf(name="shelf", settings=Settings(prefix=EnvVar("PREFIX"))))
    assert SHELVES == {}


class Made(ConfigurableIOManagerFactory):
    name: str

    def create_io_manager(self, context: Any) -> IOManager:
        return Shelf(self.name)


def test_a_factory_makes_the_manager() -> None:
    assert run(Made(name="made")).asset_value("five") == 5
    assert SHELVES == {"made": {"four": 4, "five": 5}}


def test_what_a_factory_made_does_not_travel() -> None:
    factory = Made(name="made")
    context = OutputContext(
        AssetKey("a"), None, run_id="r", step_key="a", annotation=Any, path="a", store=MemoryStore()
    )
    factory.handle_output(context, 1)
    arrived = pickle.loads(pickle.dumps(factory))
    assert (arrived.name, arrived._made) == ("made", None)


def test_a_function_makes_the_manager_with_its_config() -> None:
    @io_manager(config_schema={"name": str})
    def shelf(context: InitResourceContext) -> IOManager:
        return Shelf(context.resource_config["name"])

    assert run(shelf.configured({"name": "configured"})).asset_value("five") == 5
    assert SHELVES == {"configured": {"four": 4, "five": 5}}
    Definitions([four, five], resources={"shelf": shelf})


def test_a_function_may_take_nothing_and_yield() -> None:
    @io_manager
    def shelf() -> Any:
        yield Shelf("yielded")

    run(shelf)
    assert SHELVES == {"yielded": {"four": 4, "five": 5}}


def test_what_a_function_makes_has_to_be_a_manager() -> None:
    @io_manager
    def shelf() -> Any:
        return 3

    with pytest.raises(MlorchError, match="shelf should return an IOManager, not a int"):
        run(shelf)


def test_calling_a_definition_makes_one() -> None:
    @io_manager
    def memory(_: Any) -> IOManager:
        return InMemoryIOManager()

    assert isinstance(memory(None), InMemoryIOManager)


def test_an_input_manager_reads_and_keeps_nothing() -> None:
    @input_manager
    def rows(context: InputContext) -> str:
        return f"rows of {context.asset_key}"

    context = InputContext(AssetKey("table"), None, annotation=str, path="table", store=MemoryStore())
    assert rows.load_input(context) == "rows of table"
    with pytest.raises(MlorchError, match="an input manager reads only"):
        run(rows)
    with pytest.raises(InvalidDefinitionError):
        rows.handle_output(
            OutputContext(
                AssetKey("a"), None, run_id="r", step_key="a", annotation=str, path="a", store=MemoryStore()
            ),
            1,
        )
