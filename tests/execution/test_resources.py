"""Resources through a run: set up when first asked for, torn down in reverse order, always."""

from __future__ import annotations

import logging
import pickle
import threading
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import PrivateAttr

from mlorch import (
    ConfigurableResource,
    ConfigurableResourceFactory,
    InitResourceContext,
    ResourceDependency,
    resource,
)
from mlorch.errors import ResourceError, UserError
from mlorch.execution.resources import opened
from mlorch.execution.settling import settle_resources

CONTEXT = InitResourceContext(run_id="r1")
DONE: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


class Plain(ConfigurableResource):
    name: str = "plain"

    def run_id(self) -> str | None:
        return self.get_resource_context().run_id


class Client(ConfigurableResource):
    name: str
    _is_open: bool = PrivateAttr(default=False)

    def setup_for_execution(self, context):
        DONE.append(f"{self.name} up in {context.run_id}")
        self._is_open = True

    def teardown_after_execution(self, context):
        DONE.append(f"{self.name} down")
        self._is_open = False

    @property
    def is_open(self) -> bool:
        return self._is_open


class Yielding(ConfigurableResource):
    client: Client

    @contextmanager
    def yield_for_execution(self, context):
        DONE.append(f"yielding over {self.client.name}, open: {self.client.is_open}")
        yield self
        DONE.append("yielding over")


class Engine:
    def __init__(self, url: str) -> None:
        self.url = url


class EngineFactory(ConfigurableResourceFactory[Engine]):
    url: str

    def create_resource(self, context):
        return Engine(self.url)


class Store(ConfigurableResource):
    engine: ResourceDependency[Engine]
    several: list[Any] = []  # noqa: RUF012 - pydantic copies it


class Broken(ConfigurableResource):
    client: Client

    def setup_for_execution(self, context):
        raise ConnectionError("refused")


class Clumsy(ConfigurableResource):
    def teardown_after_execution(self, context):
        raise OSError("gone")


def test_what_needs_no_setting_up_is_given_as_it_is():
    resources = {"a": 1, "b": object(), "c": {"d": 2}}
    with opened(resources, CONTEXT) as found:
        assert found is resources


def test_one_is_set_up_when_it_is_first_asked_for_and_only_then():
    with opened({"a": Client(name="a"), "b": Client(name="b")}, CONTEXT) as found:
        assert set(found) == {"a", "b"}
        assert "a" in found
        assert DONE == []
        assert found["a"].is_open
        assert found["a"] is found["a"]
    assert DONE == ["a up in r1", "a down"]


def test_they_are_torn_down_in_reverse_order_also_when_a_step_fails():
    resources = {"y": Yielding(client=Client(name="inner")), "a": Client(name="a")}

    def step():
        with opened(resources, CONTEXT) as found:
            _ = found["a"], found["y"]
            raise ValueError("a step")

    with pytest.raises(ValueError, match="a step"):
        step()
    assert DONE == [
        "a up in r1",
        "inner up in r1",
        "yielding over inner, open: True",
        "yielding over",
        "inner down",
        "a down",
    ]


def test_one_that_stands_in_several_is_set_up_once():
    client = Client(name="shared")
    resources = {"client": client, "a": Yielding(client=client), "b": Yielding(client=client)}
    settled, _ = settle_resources(resources, resources)
    with opened(settled, CONTEXT) as found:
        assert found["a"].client is found["b"].client is found["client"]
    assert DONE.count("shared up in r1") == DONE.count("shared down") == 1


def test_each_run_has_its_own_copy():
    client = Client(name="a")
    with (
        opened({"a": client}, CONTEXT) as one,
        opened({"a": client}, InitResourceContext(run_id="r2")) as two,
    ):
        assert one["a"].is_open
        assert two["a"] is not one["a"]
        assert not client.is_open
    assert DONE == ["a up in r1", "a up in r2", "a down", "a down"]


def test_what_a_factory_makes_is_given_also_within_others():
    factory = EngineFactory(url="u")
    with opened({"engine": factory, "store": Store(engine=factory, several=[factory, 3])}, CONTEXT) as found:
        assert found["engine"].url == "u"
        assert found["store"].engine is found["engine"] is found["store"].several[0]


def test_a_resource_knows_the_context_of_its_run_and_none_outside():
    plain = Plain()
    with opened({"plain": plain}, CONTEXT) as found:
        assert found["plain"].run_id() == "r1"
    with pytest.raises(UserError, match="has a context only during a run"):
        plain.run_id()
    assert plain.with_resource_context(InitResourceContext(run_id="test")).run_id() == "test"


def test_one_that_cannot_be_set_up_is_named_with_what_it_raised_and_the_others_are_torn_down():
    with opened({"broken": Broken(client=Client(name="inner"))}, CONTEXT) as found:
        with pytest.raises(
            ResourceError, match=r"the resource 'broken' \(Broken\) can't be set up: ConnectionError: refused"
        ) as raised:
            found["broken"]
        assert isinstance(raised.value.__cause__, ConnectionError)
    assert DONE == ["inner up in r1", "inner down"]


def test_one_within_another_is_named_by_where_it_stands():
    class Outer(ConfigurableResource):
        broken: Broken

    with (
        opened({"outer": Outer(broken=Broken(client=Client(name="c")))}, CONTEXT) as found,
        pytest.raises(ResourceError, match="the resource 'outer', field 'broken' "),
    ):
        found["outer"]


def test_one_that_could_not_be_set_up_may_be_asked_again():
    attempts = []

    @resource
    def flaky(context):
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("refused")
        return "fine"

    with opened({"flaky": flaky}, CONTEXT) as found:
        with pytest.raises(ResourceError, match="refused"):
            found["flaky"]
        assert found["flaky"] == "fine"


def test_a_teardown_that_fails_is_reported_and_stops_no_other(caplog):
    with caplog.at_level(logging.ERROR), opened({"a": Client(name="a"), "c": Clumsy()}, CONTEXT) as found:
        _ = found["a"], found["c"]
    assert DONE[-1] == "a down"
    assert "the resource 'c' could not be torn down" in caplog.text
    assert "OSError: gone" in caplog.text


def test_a_function_makes_a_resource_from_its_config_and_those_it_requires():
    @resource(config_schema={"url": str}, required_resource_keys={"client"})
    def engine(context):
        DONE.append("engine up")
        yield Engine(f"{context.resource_config['url']} {context.resources.client.name} {context.run_id}")
        DONE.append("engine down")

    settled, _ = settle_resources(
        {"engine": engine.configured({"url": "u"}), "client": Client(name="c")}, ["engine"]
    )
    with opened(settled, CONTEXT) as found:
        assert found["engine"].url == "u c r1"
    assert DONE == ["engine up", "c up in r1", "engine down", "c down"]


def test_a_resource_that_is_not_declared_is_refused_by_name():
    @resource
    def engine(context):
        return context.resources.client

    with (
        opened({"engine": engine, "client": 1}, CONTEXT) as found,
        pytest.raises(UserError, match="asks for the resource 'client', which it does not declare"),
    ):
        found["engine"]


def test_what_is_open_already_is_not_opened_again():
    with opened({"a": Client(name="a")}, CONTEXT) as found:
        with opened(found, InitResourceContext(run_id="another")) as again:
            assert again is found
            _ = again["a"]
        assert DONE == ["a up in r1"]
    assert DONE == ["a up in r1", "a down"]


def test_in_another_process_they_are_as_they_were_before():
    with opened({"a": Client(name="a"), "b": 2}, CONTEXT) as found:
        _ = found["a"]
        copy = pickle.loads(pickle.dumps(found))
        assert copy == {"a": Client(name="a"), "b": 2}
        assert not copy["a"].is_open


def test_threads_that_ask_at_once_are_given_the_same():
    barrier = threading.Barrier(4)
    given = []

    def ask(found):
        barrier.wait(5)
        given.append(found["a"])

    with opened({"a": Client(name="a")}, CONTEXT) as found:
        threads = [threading.Thread(target=ask, args=(found,)) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(5)
    assert len({id(one) for one in given}) == 1
    assert DONE == ["a up in r1", "a down"]
