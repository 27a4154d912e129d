"""Run configs checked without a run."""

from __future__ import annotations

import pytest

from mlorch import (
    Config,
    ConfigurableResource,
    Definitions,
    RunConfig,
    asset,
    define_asset_job,
    job,
    op,
    validate_run_config,
)
from mlorch.errors import InvalidConfigError, UserError


class Rate(Config):
    rate: int


class Store(ConfigurableResource):
    url: str = "here"


@asset
def model(config: Rate, store: Store) -> int:
    return config.rate


@op
def train(config: Rate):
    return config.rate


@job
def training():
    train()


nightly = define_asset_job("nightly", "model", config={"ops": {"model": {"config": {"rate": 1}}}})
defs = Definitions([model], jobs=[nightly, define_asset_job("any")], resources={"store": Store()})


def test_a_config_that_holds_is_returned():
    given = {"ops": {"train": {"config": {"rate": 3}}}}
    assert validate_run_config(training, given) == given
    assert validate_run_config(training, RunConfig({"train": Rate(rate=3)}))["ops"] == given["ops"]
    of_assets = {
        "ops": {"model": {"config": {"rate": 2}}},
        "resources": {"store": {"config": {"url": "there"}}},
    }
    assert validate_run_config(defs.resolve_job_def("any"), of_assets) == of_assets


def test_a_job_has_a_config_of_its_own():
    assert validate_run_config(defs.resolve_job_def("nightly"))["ops"]["model"]["config"] == {"rate": 1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "needs a value for 'rate'"),
        ({"ops": {"model": {"config": {"rate": "x"}}}}, "rate"),
        ({"ops": {"modle": {"config": {"rate": 1}}}}, "did you mean 'model'"),
        ({"ops": {"model": {"config": {"rate": 1}}}, "resources": {"stor": {}}}, "did you mean 'store'"),
    ],
)
def test_what_is_wrong_is_named(config, message):
    with pytest.raises(InvalidConfigError, match=message):
        validate_run_config(defs.resolve_job_def("any"), config)


def test_a_job_that_knows_no_assets_is_refused():
    with pytest.raises(UserError, match=r"give Definitions\(…\)\.resolve_job_def\(NAME\)"):
        validate_run_config(nightly)  # type: ignore[arg-type]
