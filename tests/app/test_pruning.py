"""Retention on a real project: what goes, what stays, and what people are told of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from threading import Event

import pytest

from mlorch import AssetsDefinition, asset, job, materialize, op
from mlorch.app.loading import find_version, load_value, read_bytes, restore
from mlorch.app.pruning import GRACE, prune
from mlorch.app.queueing import enqueue
from mlorch.errors import BusyError, NotFoundError, UserError
from mlorch.events import AssetMaterialized, OutputCaptured, RetentionApplied, TickEvaluated
from mlorch.instance import Instance
from mlorch.settings import RetentionSettings, Settings, read_settings

HOUR = timedelta(hours=1)


def settings_of(folder: Path, more: str = "", **retention: timedelta) -> Settings:
    text = '[project]\nname = "p"\nversion = "0"\n[tool.mlorch]\nmlflow.enabled = false\n'
    (folder / "pyproject.toml").write_text(text + more)
    return replace(read_settings(folder), retention=RetentionSettings(**retention))


def later() -> float:
    """A moment at which everything that was done until now is old."""
    return time.time() + 2 * GRACE


number = 0


@asset
def raw() -> str:
    return f"raw {number}"


@asset
def model(raw: str) -> str:
    print("training")
    return f"model of {raw}"


def make(instance: Instance, *assets: AssetsDefinition) -> str:
    global number
    number += 1
    return materialize(list(assets) or [raw, model], instance=instance).run_id


def version(instance: Instance, name: str, place: int) -> AssetMaterialized:
    found = instance.log.read(kinds={AssetMaterialized.kind}, asset=name)[place].event
    assert isinstance(found, AssetMaterialized)
    return found


def source_of(instance: Instance, fact: AssetMaterialized) -> AssetMaterialized:
    """What it was made from."""
    found = instance.log.read((fact.inputs[0].seq or 0) - 1, limit=1)[0].event
    assert isinstance(found, AssetMaterialized)
    return found


def test_old_runs_go_with_what_they_made_and_the_newest_stays(tmp_path: Path):
    settings = settings_of(tmp_path, runs=HOUR)
    with Instance.of(settings) as instance:
        old = make(instance)
        first = version(instance, "raw", 0)
        new = make(instance)
        done = prune(settings, instance, later(), only_ask=True)
        assert (done.runs, done.values) == (1, 2)
        assert done.value_bytes > 0
        assert done.log_bytes > 0
        assert instance.get_run_by_id(old) is not None
        assert prune(settings, instance, later()) == done
        assert [run.run_id for run in instance.get_runs()] == [new]
        assert load_value(version(instance, "model", 0), instance) == f"model of raw {number}"
        with pytest.raises(NotFoundError, match="retention removed runs that ended before"):
            find_version(instance.log, "raw", None, first.data_version)
        assert prune(settings, instance, later()).runs == 0


def test_runs_go_on_while_old_ones_go(tmp_path: Path, place: str):
    settings = settings_of(tmp_path, f'storage = "{place}"\n', runs=timedelta(seconds=0.2))
    is_over = Event()
    pruned: list[int] = []

    def go_on_pruning() -> None:
        with Instance.of(settings) as other:
            while not is_over.is_set():
                pruned.append(prune(settings, other, time.time()).runs)

    with Instance.of(settings) as instance, ThreadPoolExecutor() as pool:
        pruning = pool.submit(go_on_pruning)
        numbers = []
        for _ in range(25):
            make(instance)
            numbers.append(instance.log.read(limit=1, newest_first=True)[0].seq)
        is_over.set()
        pruning.result()
        assert sum(pruned) > 5
        assert numbers == sorted(set(numbers))
        newest = version(instance, "model", -1)
        assert source_of(instance, newest).data_version == newest.inputs[0].data_version
        assert load_value(newest, instance) == f"model of raw {number}"
        begun = {one.run_id for one in instance.get_runs()}
        assert begun == {record.event.run_id for record in instance.log.read() if record.event.run_id}


def test_superseded_values_go_and_who_asks_for_one_is_told_why(tmp_path: Path):
    settings = settings_of(tmp_path, values=HOUR)
    with Instance.of(settings) as instance:
        make(instance)
        make(instance)
        done = prune(settings, instance, later())
        assert (done.runs, done.values) == (0, 2)
        gone = version(instance, "raw", 0)
        for ask in (load_value, read_bytes, restore):
            with pytest.raises(NotFoundError, match="retention removed the bytes of version"):
                ask(gone, instance)
        assert load_value(version(instance, "raw", 1), instance) == f"raw {number}"
        assert len(instance.log.read(kinds={RetentionApplied.kind})) == 1


def test_what_the_newest_model_was_made_from_stays_readable(tmp_path: Path):
    settings = settings_of(tmp_path, values=HOUR, runs=HOUR)
    with Instance.of(settings) as instance:
        make(instance)
        make(instance, raw)
        make(instance, raw)
        done = prune(settings, instance, later())
        assert (done.runs, done.values) == (1, 1)
        source = source_of(instance, version(instance, "model", 0))
        assert load_value(source, instance) == f"raw {number - 2}"


def test_bytes_written_lately_stay_for_a_while(tmp_path: Path):
    settings = settings_of(tmp_path, values=timedelta(seconds=1))
    with Instance.of(settings) as instance:
        make(instance)
        make(instance)
        assert prune(settings, instance, time.time() + 60).values == 0
        assert load_value(version(instance, "raw", 0), instance) == f"raw {number - 1}"


def test_bytes_too_young_to_go_with_their_run_go_later(tmp_path: Path):
    settings = settings_of(tmp_path, runs=timedelta(seconds=1))
    with Instance.of(settings) as instance:
        make(instance)
        make(instance)
        objects = tmp_path / ".mlorch" / "objects" / "md5"
        done = prune(settings, instance, time.time() + 60)
        assert (done.runs, done.values, len(list(objects.glob("*/*")))) == (1, 0, 4)
        done = prune(settings, instance, later())
        assert (done.runs, done.values, len(list(objects.glob("*/*")))) == (0, 2, 2)
        assert not (tmp_path / ".mlorch" / "retention.json").exists()


def test_logs_of_runs_that_ended_go(tmp_path: Path):
    settings = settings_of(tmp_path, logs=HOUR)
    with Instance.of(settings) as instance:
        make(instance)
        assert prune(settings, instance, later()).logs == 1
        assert instance.log.read(kinds={OutputCaptured.kind}) == []
        assert len(instance.get_runs()) == 1


def test_ticks_that_asked_for_nothing_go(tmp_path: Path):
    settings = settings_of(tmp_path, ticks=HOUR)
    with Instance.of(settings) as instance:
        for one in (1, 2):
            fact = TickEvaluated(at=time.time(), name="sensor/s", number=one, status="SKIPPED")
            instance.log.append([fact], once=[f"tick:sensor/s#{one}"])
        assert prune(settings, instance, later()).ticks == 1
        assert instance.log.latest(TickEvaluated.kind)["sensor/s", None].event.number == 2
        assert instance.log.used(["tick:sensor/s#1"]) != set()
        prune(settings, instance, later() + 40 * 86_400)
        assert instance.log.used(["tick:sensor/s#1", "tick:sensor/s#2"]) == {"tick:sensor/s#2"}


def test_a_run_that_waits_for_its_turn_keeps_what_it_goes_on_with(tmp_path: Path):
    settings = settings_of(tmp_path, runs=HOUR)
    with Instance.of(settings) as instance:
        old = make(instance)
        make(instance)
        enqueue(instance, settings, retries=old)
        assert prune(settings, instance, later()).runs == 0


def test_what_ops_passed_on_goes_with_their_run(tmp_path: Path):
    @op
    def one() -> int:
        return 1

    @op
    def two(x: int) -> int:
        return x + 1

    @job
    def adding():
        two(one())

    settings = settings_of(tmp_path, runs=HOUR)
    with Instance.of(settings) as instance:
        adding.execute_in_process(instance=instance)
        assert list((tmp_path / ".mlorch" / "outputs").iterdir()) != []
        make(instance, raw)
        assert prune(settings, instance, later()).runs == 1
        assert list((tmp_path / ".mlorch" / "outputs").iterdir()) == []


def test_what_dvc_was_not_told_stays_and_its_own_copies_are_left_to_it(tmp_path: Path):
    (tmp_path / ".dvc").mkdir()
    settings = settings_of(tmp_path, runs=HOUR, values=HOUR)
    with Instance.of(settings) as instance:
        make(instance)
        gone = version(instance, "raw", 0)
        make(instance)
        assert prune(settings, instance, later()).runs == 0
        newest = instance.log.read(limit=1, newest_first=True)[0].seq
        instance.log.advance("dvc", newest)
        done = prune(settings, instance, later())
        assert (done.runs, done.values, done.value_bytes) == (1, 2, 0)
        assert done.dvc_bytes > 0
        digest = gone.content_hash or ""
        cached = tmp_path / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
        assert cached.read_bytes() == instance.store.read(str(gone.uri), digest)


def test_one_at_a_time_prunes(tmp_path: Path):
    from mlorch.app.holding import holding

    settings = settings_of(tmp_path, runs=HOUR)
    with Instance.of(settings) as instance:
        assert instance.leases is not None
        with (
            holding(instance.leases, [(":retention", None)], "other", 0, lambda _: None),
            pytest.raises(BusyError),
        ):
            prune(settings, instance, later())


def test_an_instance_in_memory_has_no_retention(tmp_path: Path):
    with pytest.raises(UserError, match="kept in a database"):
        prune(settings_of(tmp_path), Instance.ephemeral(), later())


def test_where_mlflow_cannot_be_asked_no_run_and_no_value_goes(tmp_path: Path):
    settings = settings_of(
        tmp_path,
        "mlflow.enabled = true\nmlflow.tracking_uri = 'http://127.0.0.1:9'\n".replace(
            "mlflow.enabled = true\n", ""
        ),
        runs=HOUR,
        values=HOUR,
    )
    settings = replace(settings, mlflow=replace(settings.mlflow, enabled=True))
    with Instance.of(settings) as instance:
        make(instance)
        make(instance)
        done = prune(settings, instance, later())
        assert "model registry can't be asked" in done.postponed
        assert (done.runs, done.values) == (0, 0)


KILLED = """
    import sys, time
    from pathlib import Path
    from mlorch.app import pruning
    from mlorch.instance import Instance
    from tests.app.test_pruning import HOUR, later, settings_of

    settings = settings_of(Path(sys.argv[1]), runs=HOUR, values=HOUR)
    with Instance.of(settings) as instance:
        print("begins", flush=True)
        pruning.prune(settings, instance, later())
"""


@pytest.mark.parametrize("moment", [0.02, 0.08, 0.15])
def test_whoever_is_killed_in_between_leaves_nothing_half(tmp_path: Path, moment: float):
    settings = settings_of(tmp_path, runs=HOUR, values=HOUR)
    with Instance.of(settings) as instance:
        for _ in range(24):
            make(instance)
        for _ in range(3):
            make(instance, raw)
        kept = [version(instance, "model", -1), version(instance, "raw", -1)]
        kept.append(source_of(instance, kept[0]))
        values = [load_value(one, instance) for one in kept]
        before = {run.run_id: len(instance.log.read(run_id=run.run_id)) for run in instance.get_runs()}
        process = subprocess.Popen(
            [sys.executable, "-c", dedent(KILLED), str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for run in instance.get_runs():
            assert len(instance.log.read(run_id=run.run_id)) == before[run.run_id]
        assert [load_value(one, instance) for one in kept] == values
        prune(settings, instance, later())
        assert [load_value(one, instance) for one in kept] == values
        assert len(instance.get_runs()) == 2
        objects = [one for one in (tmp_path / ".mlorch" / "objects").rglob("*") if one.is_file()]
        assert len(objects) == 3
