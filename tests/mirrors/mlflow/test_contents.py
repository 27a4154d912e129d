"""What the run of a materialization holds."""

from __future__ import annotations

from dataclasses import replace

from mlorch.log import MemoryLog, Record
from mlorch.mirrors.mlflow.contents import cut, key, metrics, params, run_name, tags
from mlorch.mirrors.mlflow.history import History, Origin
from tests.mirrors.mlflow.facts import inputs, made, started


def origin_of(*events) -> Origin:
    """Return the origin of the last event, after all have been appended."""
    log = MemoryLog()
    seqs = log.append(events)
    (last,) = log.read(seqs[-1] - 1)
    return History(log).origin(Record(seqs[-1], last.event))


def test_a_run_is_named_by_slot_and_version() -> None:
    assert run_name(made("model", "2013-01", data_version="0123456789")) == "model[2013-01] @01234567"
    assert len(run_name(made("m" * 300, data_version="0123456789"))) == 250


def test_params_tell_code_config_partition_upstreams_and_environment() -> None:
    found = params(
        origin_of(
            started(),
            made("flights", "2013-01", code_version="7"),
            made("features", "2013-01", inputs=inputs(("flights", "2013-01"))),
            made(
                "model",
                "2013-01",
                inputs=inputs(("features", "2013-01")),
                config={"depth": 3, "partition": "x"},
            ),
        )
    )
    assert found["code_version"] == "1"
    assert found["partition"] == "2013-01"
    assert found["config/partition"] == "x"
    assert found["depth"] == "3"
    assert found["up/features"] == made("features", "2013-01").data_version[:16]
    assert found["up/flights"] == made("flights", "2013-01").data_version[:16]
    assert found["up/flights/code"] == "7"
    assert found["env/pandas"] == "3.1.1"


def test_upstreams_between_the_direct_ones_and_the_sources_are_left_out() -> None:
    found = params(
        origin_of(
            made("source"),
            made("middle", inputs=inputs(("source", None))),
            made("near", inputs=inputs(("middle", None))),
            made("model", inputs=inputs(("near", None))),
        )
    )
    assert [name for name in found if name.startswith("up/")] == [
        "up/near",
        "up/near/code",
        "up/source",
        "up/source/code",
    ]


def test_at_most_forty_upstreams() -> None:
    names = [f"up{n:02}" for n in range(50)]
    found = params(
        origin_of(*map(made, names), made("model", inputs=inputs(*((name, None) for name in names))))
    )
    assert sum(name.endswith("/code") for name in found) == 40


def test_an_upstream_that_nobody_recorded_still_counts() -> None:
    event = made("model", inputs=(inputs(("outside", None))[0]._replace(data_version="INITIAL"),))
    assert params(origin_of(event))["up/outside"] == "INITIAL"


def test_what_is_cut_says_so() -> None:
    assert cut("abc", 3) == "abc"
    short = cut("x" * 10_000, 6_000)
    assert len(short) == 6_000
    assert short.endswith("… (cut, 10,000 characters)")
    config = {"text": "y" * 7_000}
    assert len(params(origin_of(made("model", config=config)))["text"]) == 6_000
    assert (
        len(tags(origin_of(made("model", metadata={"text": "z" * 9_000})))["mlorch.metadata.text"]) == 8_000
    )


def test_tags_identify_and_name_the_origin() -> None:
    owned = made("features", "2013-01", definition={"owners": ["ann", "bob"]})
    found = tags(origin_of(started(), owned))
    assert found["mlorch.materialization_id"] == "r1:features[2013-01]"
    assert found["mlorch.dvc.path"] == "data/features/2013-01.parquet"
    assert found["mlorch.dvc.md5"] == "c" * 32
    assert found["mlorch.owner"] == "ann, bob"
    assert found["mlflow.user"] == "ann"
    assert found["mlflow.source.git.commit"] == "a" * 40
    assert found["mlflow.source.name"] == "mlorch materialize '*'"
    assert found["mlorch.changed"] == "first"


def test_a_value_outside_of_the_repository_has_no_dvc_path() -> None:
    event = made("features", uri="s3://bucket/features.parquet")
    assert "mlorch.dvc.path" not in tags(origin_of(event))


def test_metrics_are_rows_bytes_seconds_and_the_users() -> None:
    event = made("features", metrics={"auc": 0.5, "loss": [[1, 0.9], [2, 0.8]], "flag": True})
    assert metrics(event) == [
        ("rows", 10.0, 0),
        ("bytes", 123.0, 0),
        ("seconds", 0.5, 0),
        ("auc", 0.5, 0),
        ("loss", 0.9, 1),
        ("loss", 0.8, 2),
        ("flag", 1.0, 0),
    ]
    assert metrics(replace(event, metrics={"rows": 3}))[0] == ("rows", 3.0, 0)


def test_names_are_made_ones_that_mlflow_takes() -> None:
    assert key("precision@10 (%)") == "precision_10 ___"
    assert key("a/b") == "a/b"
    assert key("../a//b/") == "_a__b_"
