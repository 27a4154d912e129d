"""What schedules and sensors ask for, as values."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from mlorch import Config, EnvVar, RunConfig, RunRequest, SensorResult, SkipReason
from mlorch.definitions.requests import written_config
from mlorch.errors import InvalidConfigError, TypeCheckError, UserError


class Kind(Enum):
    LINEAR = 1


class Inner(BaseModel):
    day: date = date(2026, 1, 2)


class Training(Config):
    rate: float = 0.5
    kind: Kind = Kind.LINEAR
    inner: Inner = Inner()
    url: str = ""
    token: SecretStr | None = None


def test_a_request_has_texts_and_the_form_of_a_yaml_file():
    config = RunConfig({"model": Training(rate=0.1, url=EnvVar("URL"))}, resources={"db": {"size": 1}})
    request = RunRequest("k", config, {"n": 1})
    assert request.tags == {"n": "1"}
    assert request.run_config == {
        "ops": {
            "model": {
                "config": {
                    "rate": 0.1,
                    "kind": "LINEAR",
                    "inner": {"day": "2026-01-02"},
                    "url": {"env": "URL"},
                    "token": None,
                }
            }
        },
        "resources": {"db": {"config": {"size": 1}}},
    }


def test_a_request_that_says_nothing_has_no_config_and_no_tags():
    assert (RunRequest().run_config, RunRequest().tags) == ({}, {})
    assert RunRequest("k") == RunRequest(run_key="k")


def test_sections_within_a_graph_stay_sections():
    config = RunConfig({"graph": {"ops": {"inner": {"config": {"a": [1, (2, 3)]}}}}})
    assert written_config(config) == {"ops": {"graph": {"ops": {"inner": {"config": {"a": [1, [2, 3]]}}}}}}


@pytest.mark.parametrize(
    "value",
    [SecretStr("hunter2"), "postgresql://me:hunter2@host/db", [{"deep": SecretStr("hunter2")}]],
    ids=["secret", "url", "deep"],
)
def test_secrets_are_refused_where_they_stand(value):
    with pytest.raises(InvalidConfigError, match=r"ops\.model.*EnvVar\('NAME'\)") as raised:
        RunRequest(run_config={"ops": {"model": {"config": {"x": value}}}})
    assert "hunter2" not in str(raised.value)


def test_a_secret_that_is_a_default_stays_in_the_code():
    class Api(Config):
        size: int = 1
        token: SecretStr = SecretStr("none")

    assert written_config(RunConfig({"api": Api(size=2)})) == {"ops": {"api": {"config": {"size": 2}}}}


def test_a_secret_in_a_config_is_refused_too():
    with pytest.raises(InvalidConfigError, match=r"ops\.model\.token"):
        RunRequest(run_config=RunConfig({"model": Training(token=SecretStr("hunter2"))}))


def wrong(value: Any) -> Any:
    """Hide from the type checker what it would refuse."""
    return value


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RunRequest(run_key=wrong(5)), TypeCheckError, "run_key=…"),
        (lambda: RunRequest(partition_key=wrong(5)), TypeCheckError, "partition_key=…"),
        (lambda: RunRequest(run_config=wrong([1])), InvalidConfigError, "no|not|RunConfig"),
        (lambda: RunRequest(run_config={"ops": {"a": object()}}), InvalidConfigError, "JSON can't hold"),
        (lambda: SensorResult(cursor=wrong(5)), TypeCheckError, "cursor=…"),
        (lambda: SensorResult([RunRequest()], "why"), UserError, "give one of them"),
    ],
    ids=["run_key", "partition", "config", "object", "cursor", "both"],
)
def test_what_can_not_be_meant_is_refused_where_it_is_written(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_reason_may_be_text():
    assert SensorResult(skip_reason="nothing new").skip_reason == SkipReason("nothing new")
