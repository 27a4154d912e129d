"""What a run is given, settled before its first step: sections, configs, resources."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import Config, ConfigurableResource, EnvVar, ResourceDependency, RunConfig, resource
from mlorch.definitions.shapes import config_class
from mlorch.errors import InvalidConfigError
from mlorch.execution.sections import read_sections
from mlorch.execution.settling import needed_names, settle_configs, settle_resources


class Training(Config):
    rate: float = 0.5
    target: str


class Optional(Config):
    rate: float = 0.5


WANTED = {
    ("model",): Training,
    ("ml/scores",): Optional,
    ("plain",): None,
    ("graph", "op"): Optional,
    ("graph", "inner", "op"): Training,
    ("bare",): config_class(int, "bare"),
}


class Credentials(ConfigurableResource):
    user: str
    password: str = "none"


class Bucket(ConfigurableResource):
    credentials: Credentials
    region: str = "eu"


class Loose(ConfigurableResource):
    credentials: ResourceDependency[Credentials]


def settle(run_config, needed=()):
    return settle_configs(WANTED, run_config, needed)


def values(run_config, *needed):
    return {path: one.value.model_dump() for path, one in settle(run_config, needed).items()}


def test_a_path_names_nested_sections():
    given = {
        "ops": {
            "graph": {
                "ops": {"op": {"config": {"rate": 2}}, "inner": {"ops": {"op": {"config": {"target": "t"}}}}}
            },
            "ml__scores": {"config": {"rate": 3}},
        }
    }
    assert values(given, ("graph", "op"), ("graph", "inner", "op"), ("ml/scores",), ("plain",)) == {
        ("graph", "op"): {"rate": 2.0},
        ("graph", "inner", "op"): {"rate": 0.5, "target": "t"},
        ("ml/scores",): {"rate": 3.0},
    }


def test_run_config_means_the_same_as_its_dict():
    found = RunConfig(
        ops={
            "model": Training(target="t"),
            "ml/scores": {"rate": 1},
            "graph": {"ops": {"op": Optional(rate=2)}},
            "bare": {"config": 3},
        }
    )
    needed = [("model",), ("ml/scores",), ("graph", "op"), ("bare",)]
    assert settle(found, needed) == settle(found.to_config_dict(), needed)


def test_what_is_not_needed_is_checked_and_left_out():
    given = {"ops": {"model": {"config": {"target": "t"}}}}
    assert settle(given, [("plain",)]) == {}
    with pytest.raises(InvalidConfigError, match="no field 'targt'"):
        settle({"ops": {"model": {"config": {"targt": "t"}}}}, [("plain",)])


def test_without_needed_all_are():
    with pytest.raises(InvalidConfigError) as raised:
        settle_configs(WANTED, None)
    assert str(raised.value).splitlines() == [
        "the config of 'model' needs a value for 'target'",
        "the config of 'graph.inner.op' needs a value for 'target'",
        "the config of 'bare' needs a value for 'value'",
    ]


def test_everything_that_is_wrong_is_in_one_message():
    given = {
        "ops": {
            "modle": {"config": {"rate": 1}},
            "model": {"config": {"rate": "fast", "rat": 1}},
            "plain": {"config": {"x": 1}},
            "graph": {"ops": {"opp": {"config": {}}}},
        }
    }
    with pytest.raises(InvalidConfigError) as raised:
        settle(given, [("model",)])
    text = str(raised.value)
    for part in (
        "names 'modle', no asset or op; did you mean 'model'?",
        "'model' needs a value for 'target'",
        "field 'rate'",
        "no field 'rat'; did you mean 'rate'?",
        "names 'plain', which has no config parameter",
        "in 'graph' names 'opp', no op of it; did you mean 'op'?",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("run_config", "message"),
    [
        ([1], r"the run config should be \{ops: …\}, not \[1\]"),
        ({"op": {}}, "the run config has no section 'op'; did you mean 'ops'"),
        ({"ops": [1]}, r"ops should be \{NAME: …\}, not \[1\]"),
        ({"ops": {"model": 3}}, r"the run config of 'model' should be \{config: …\}, not 3"),
        ({"ops": {"model": {"confg": {}}}}, "'model' has no section 'confg'; did you mean 'config'"),
        ({"resources": {"db": {"url": 1}}}, "the run config of resource 'db' has no section 'url'"),
        ({"execution": {"config": {"multiprocess": {"max_concurent": 3}}}}, "did you mean 'max_concurrent'"),
        (
            {"execution": {"config": {"max_workers": -1}}},
            "'max_concurrent' should be a whole number from 0 on, not -1",
        ),
        ({"execution": 3}, "execution should be"),
        (
            {"loggers": {"console": {"config": {"log_level": "INF"}}}},
            "'INF' is no log level; did you mean 'INFO'",
        ),
        ({"loggers": {"console": 3}}, "the run config of logger 'console' should be"),
    ],
)
def test_a_section_that_is_not_as_it_should_be_is_named(run_config, message):
    with pytest.raises(InvalidConfigError, match=message):
        read_sections(run_config)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, (None, None)),
        ({"config": {"multiprocess": {"max_concurrent": 4}}}, ("processes", 4)),
        ({"multiprocess": {"config": {"max_concurrent": 4}}}, ("processes", 4)),
        ({"config": {"in_process": {}}}, ("in_process", None)),
        ({"config": {"in_process": None}}, ("in_process", None)),
        ({"threads": {"max_workers": 2}}, ("threads", 2)),
        ({"config": {"max_concurrent": 3}}, (None, 3)),
        ({"config": {"max_concurrent": 0}}, (None, None)),
        ({"config": {"multiprocess": {"start_method": {"forkserver": {}}}}}, ("processes", None)),
        ({"config": {"dask": {}}}, ("dask", None)),
    ],
)
def test_a_run_may_say_where_its_steps_run(section, expected):
    found = read_sections({"execution": section})
    assert (found.executor, found.workers) == expected


def test_the_lowest_log_level_counts():
    loggers = {"console": {"config": {"log_level": "warning"}}, "file": {"config": {"log_level": "INFO"}}}
    assert read_sections(RunConfig(loggers=loggers)).log_level == logging.INFO
    assert read_sections({"loggers": {"console": {"config": {}}}}).log_level is None


def test_resources_are_resolved_and_their_secrets_known(monkeypatch):
    monkeypatch.setenv("PASSWORD", "s3cr3t")
    monkeypatch.setenv("URL", "pg://me:hunter22@db")
    resources = {
        "bucket": Bucket(credentials=Credentials(user=EnvVar("URL"), password=EnvVar("PASSWORD"))),
        "other": Credentials(user=EnvVar("NOT_SET")),
        "plain": 3,
    }
    found, secrets = settle_resources(resources, ["bucket", "plain", "nothing"])
    assert found["bucket"].credentials.password == "s3cr3t"
    assert found["plain"] == 3
    assert secrets == {"s3cr3t", "pg://me:hunter22@db", "hunter22"}


def test_a_run_configures_resources_also_those_within_others():
    credentials = Credentials.configure_at_launch(password="p")
    resources = {
        "credentials": credentials,
        "bucket": Bucket(credentials=credentials),
        "loose": Loose(credentials=credentials),
    }
    given = {"credentials": {"user": "me"}, "bucket": {"region": "us"}}
    found, _ = settle_resources(resources, ["bucket", "loose"], given)
    assert found["bucket"] == Bucket(credentials=Credentials(user="me", password="p"), region="us")
    assert found["loose"].credentials is found["bucket"].credentials


def test_a_run_may_give_a_resource_as_an_object():
    sections = read_sections(RunConfig(resources={"credentials": Credentials(user="me")}))
    found, _ = settle_resources(
        {"credentials": Credentials.configure_at_launch()}, ["credentials"], sections.resources
    )
    assert found == {"credentials": Credentials(user="me")}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"credentals": {}}, "names 'credentals', no resource; did you mean 'credentials'"),
        (
            {"credentials": {"usr": "x"}},
            "the config of resource 'credentials' has no field 'usr'; did you mean 'user'",
        ),
        ({}, "the config of resource 'credentials' needs a value for 'user'"),
        ({"credentials": {"user": "a"}, "plain": {"x": 1}}, "'plain': a int takes no config"),
        ({"credentials": {"user": "a"}, "made": {"x": "many"}}, "the config of resource 'made', field 'x'"),
    ],
)
def test_what_a_run_gives_to_resources_is_checked(given, message):
    made = resource(config_schema={"x": int})(lambda context: context.resource_config["x"])
    resources = {"credentials": Credentials.configure_at_launch(), "plain": 3, "made": made}
    with pytest.raises(InvalidConfigError, match=message):
        settle_resources(resources, ["credentials"], given)


def test_several_variables_that_are_not_set_are_named_at_once(monkeypatch):
    resources = {"a": Credentials(user=EnvVar("NOT_SET_A")), "b": Credentials(user=EnvVar("NOT_SET_B"))}
    with pytest.raises(InvalidConfigError, match=r"NOT_SET_A is not set.*\n.*NOT_SET_B is not set"):
        settle_resources(resources, resources)


def test_what_a_resource_requires_is_needed_as_well():
    requiring = resource(required_resource_keys={"b"})(lambda context: 1)
    assert needed_names({"a": requiring, "b": 1, "c": 2}, ["a", "z"]) == {"a", "b"}


NAMES = st.sampled_from(["model", "graph", "op", "inner", "x"])


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(), max_size=3), max_size=3))
def test_any_ops_are_found_by_their_paths(ops):
    run_config = {"ops": {"g": {"ops": {name: {"config": fields} for name, fields in ops.items()}}}}
    assert dict(read_sections(run_config).ops) == {("g", name): f for name, f in ops.items()} or not ops
