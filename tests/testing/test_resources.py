"""Resources built for tests."""

from __future__ import annotations

import pytest

from mlorch import ConfigurableResource, EnvVar, build_init_resource_context, build_resources, resource
from mlorch.errors import InvalidConfigError, UserError

STEPS: list[str] = []


class Connection(ConfigurableResource):
    url: str = "here"

    def setup_for_execution(self, context):
        STEPS.append(f"open {self.url}")

    def teardown_after_execution(self, context):
        STEPS.append(f"close {self.url}")


@resource(config_schema={"n": int}, required_resource_keys={"base"})
def number(context):
    return context.resources.base + context.resource_config["n"]


@pytest.fixture(autouse=True)
def nothing_yet():
    STEPS.clear()


def test_resources_are_set_up_when_asked_for_and_torn_down_at_the_end():
    with build_resources({"connection": Connection(), "other": Connection(url="there"), "n": 5}) as found:
        assert STEPS == []
        assert (found.connection.url, found.n) == ("here", 5)
        assert STEPS == ["open here"]
    assert STEPS == ["open here", "close here"]


def test_resources_may_be_configured_and_require_others():
    config = {"number": {"config": {"n": 2}}, "connection": {"config": {"url": "elsewhere"}}}
    given = {"base": 40, "number": number, "connection": Connection()}
    with build_resources(given, resource_config=config) as found:
        assert found.number == 42
        assert found.connection.url == "elsewhere"


def test_variables_are_read_and_missing_ones_named(monkeypatch):
    monkeypatch.setenv("MLORCH_TEST_URL", "from outside")
    with build_resources({"connection": Connection(url=EnvVar("MLORCH_TEST_URL"))}) as found:
        assert found.connection.url == "from outside"
    monkeypatch.delenv("MLORCH_TEST_URL")
    with (
        pytest.raises(InvalidConfigError, match="MLORCH_TEST_URL"),
        build_resources({"connection": Connection(url=EnvVar("MLORCH_TEST_URL"))}),
    ):
        pass


def test_a_resource_that_was_not_given_is_named():
    with (
        build_resources({"connection": Connection()}) as found,
        pytest.raises(
            UserError, match=r"there is no resource 'conection'; did you mean 'connection'\?; give it"
        ),
    ):
        found.conection  # noqa: B018


def test_a_resource_function_is_called_with_a_context():
    context = build_init_resource_context(config={"n": 2}, resources={"base": 40})
    assert number(context) == 42
    assert context.instance is None
    context.log.info("kept nowhere")
    Connection().setup_for_execution(build_init_resource_context())
    assert STEPS == ["open here"]
