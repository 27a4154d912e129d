"""A server that stops in the middle of a run: what was made is recorded once, and nothing needs a restart."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlorch import Instance, asset, materialize
from mlorch.events import AssetMaterialized, RunFinished
from tests.postgres import Server, cluster, programs, schemas


@pytest.fixture(scope="module")
def own_server(postgres_server: str) -> Iterator[Server]:
    found = programs()
    assert found is not None
    with cluster(found) as one:
        yield one


@asset(code_version="1")
def quick() -> int:
    return 1


def away(server: Server, after: float, seconds: float) -> threading.Thread:
    """Stop the server in a while, and start it again later."""

    def stop_and_start() -> None:
        time.sleep(after)
        server.stop()
        time.sleep(seconds)
        server.start()

    thread = threading.Thread(target=stop_and_start)
    thread.start()
    return thread


def test_a_step_goes_on_while_the_server_is_away_and_is_recorded_when_it_is_back(
    own_server: Server, tmp_path: Path
) -> None:
    with schemas(own_server.url) as new:
        url = new()

    @asset(code_version="1")
    def slow(quick: int) -> int:
        time.sleep(2.5)
        return quick + 1

    with Instance.local(tmp_path, storage=url) as instance:
        thread = away(own_server, 1.0, 0.3)
        result = materialize([quick, slow], instance=instance)
        thread.join()
        assert result.success
        records = [one.event for one in instance.log.read()]
        made = Counter(one.asset for one in records if isinstance(one, AssetMaterialized))
        assert made == {"quick": 1, "slow": 1}
        assert [one.status for one in records if isinstance(one, RunFinished)] == ["SUCCESS"]


def test_a_run_that_wants_to_go_on_waits_for_the_server(own_server: Server, tmp_path: Path) -> None:
    with schemas(own_server.url) as new:
        url = new()
    threads: list[threading.Thread] = []

    @asset(code_version="1")
    def last(quick: int) -> int:
        time.sleep(0.6)
        threads.append(away(own_server, 0.0, 1.0))
        time.sleep(0.3)
        return quick + 1

    with Instance.local(tmp_path, storage=url) as instance:
        result = materialize([quick, last], instance=instance)
        for thread in threads:
            thread.join()
        assert result.success
        records = [one.event for one in instance.log.read()]
        made = Counter(one.asset for one in records if isinstance(one, AssetMaterialized))
        assert made == {"quick": 1, "last": 1}
        assert materialize([quick, last], instance=instance, only_stale=True).materializations == []
