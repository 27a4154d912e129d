"""What the log says of where a materialization came from, to a follower that is behind."""

from __future__ import annotations

from mlorch.events import AssetMaterialized, Input
from mlorch.log import MemoryLog, Record
from mlorch.mirrors.mlflow.history import History, Origin
from tests.mirrors.mlflow.facts import inputs, made, started


def origins(*events) -> list[Origin]:
    """Return the origin of each materialization, asked for in order when all are in the log."""
    log = MemoryLog()
    log.append(events)
    history = History(log)
    return [history.origin(record) for record in log.read() if isinstance(record.event, AssetMaterialized)]


def previous(origin: Origin) -> str | None:
    return origin.previous.data_version if origin.previous is not None else None


def test_the_previous_is_that_of_the_same_partition_as_of_then() -> None:
    found = origins(
        made("a", "1", data_version="first"),
        made("a", "2", data_version="other"),
        made("a", "1", data_version="second", run_id="r2"),
        made("a", "1", data_version="third", run_id="r3"),
    )
    assert [previous(one) for one in found] == [None, "first", "first", "second"]


def test_a_new_partition_is_compared_with_the_one_before_it() -> None:
    found = origins(
        *(made("a", month, data_version=month) for month in ("2013-03", "2013-01", "2013-04", "2013-02"))
    )
    assert [previous(one) for one in found] == [None, None, "2013-03", "2013-01"]


def test_partitions_without_an_order_are_not_compared() -> None:
    static = {"partitions": "StaticPartitionsDefinition(['EWR', 'JFK'])"}
    found = origins(made("a", "EWR", definition=static), made("a", "JFK", definition=static))
    assert [previous(one) for one in found] == [None, None]


def test_the_previous_is_found_however_far_back_it_lies() -> None:
    between = [made("a", f"{n:04}", data_version=f"v{n}") for n in range(1, 300)]
    events = [
        made("a", "9999", data_version="old"),
        *between,
        made("a", "9999", data_version="new", run_id="r2"),
    ]
    log = MemoryLog()
    seqs = log.append(events)
    assert previous(History(log).origin(Record(seqs[-1], events[-1]))) == "old"


def test_a_batch_that_is_handed_over_again_gives_the_same() -> None:
    log = MemoryLog()
    log.append([made("a", data_version="first"), made("a", data_version="second", run_id="r2")])
    history = History(log)
    records = log.read()
    for _ in range(2):
        history.learn(records)
        assert [previous(history.origin(record)) for record in records] == [None, "first"]


def test_sources_are_found_through_the_log_in_the_versions_that_were_read() -> None:
    (*_, model) = origins(
        started(),
        made("flights", data_version="old"),
        made("features", inputs=(Input("flights", None, "old", None),)),
        made("flights", data_version="new", run_id="r2"),
        made("model", inputs=inputs(("features", None))),
    )
    assert [read.name for read in model.direct] == [f"features@{made('features').data_version}"]
    assert [read.name for read in model.sources] == ["flights@old"]
    assert model.run is not None
    assert model.run.run_id == "r1"


def test_each_ancestor_counts_once_and_loops_through_time_end() -> None:
    def state(day: int, *before: int) -> AssetMaterialized:
        reads = [Input("state", str(each), f"v{each}", each or None) for each in before]
        return made("state", str(day), data_version=f"v{day}", inputs=tuple(reads))

    log = MemoryLog()
    log.append([state(1), state(2, 1), state(3, 1, 2), state(4, 2, 3)])
    found = History(log).origin(log.read()[-1])
    assert [read.name for read in found.direct] == ["state[2]@v2", "state[3]@v3"]
    assert [read.name for read in found.indirect] == ["state[1]@v1"]
    assert not found.is_cut


def test_a_very_long_past_is_cut_and_says_so() -> None:
    log = MemoryLog()
    states = [made("state", "1", data_version="v1")]
    for day in range(2, 5_100):
        before = Input("state", str(day - 1), f"v{day - 1}", day - 1)
        states.append(made("state", str(day), data_version=f"v{day}", inputs=(before,)))
    log.append(states)
    found = History(log).origin(log.read()[-1])
    assert found.is_cut
    assert len(found.indirect) == 5_000


def test_the_log_may_lack_what_came_before() -> None:
    log = MemoryLog()
    log.append([made("model", inputs=(Input("features", None, "v1", 77),))])
    found = History(log).origin(log.read()[0])
    assert found.direct[0].fact is None
    assert found.run is None
