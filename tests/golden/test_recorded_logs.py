"""The log of each released version stays readable."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlorch import __version__
from mlorch.events import KINDS, from_json, to_json
from mlorch.storage.leases import Holder, SqlLeases
from mlorch.storage.sql import open_log
from tests.golden.record import batches

HERE = Path(__file__).parent
RECORDED = sorted(HERE.glob("log-*.sql"))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_log_reads_as_what_was_recorded(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlorch.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(recorded.read_text(encoding="utf-8"))
    lines = recorded.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    expected = [from_json(line) for line in lines]
    assert {event.kind for event in expected} <= KINDS.keys()
    with closing(open_log(path)) as log:
        assert [record.event for record in log.read()] == expected
        assert log.latest("asset_materialized")["model", None].event == expected[15]
        assert log.position("mlflow") == 7
        other = Holder("other", "host", 1, "mlorch", 1.0)
        assert SqlLeases(log.engine).acquire(["model"], other, 60, 1.0).keys() == {"model"}
        assert log.append(expected[:1]) == [len(expected) + 1]


def test_the_next_version_will_be_recorded_with_every_kind_of_fact(tmp_path: Path) -> None:
    facts = [fact for batch in batches() for fact in batch]
    assert {fact.kind for fact in facts} == KINDS.keys()
    with closing(open_log(tmp_path / "mlorch.db")) as log:
        for batch in batches():
            log.append(batch)
        kept = [record.event for record in log.read()]
        assert [from_json(to_json(fact)) for fact in kept] == kept
        late = len(batches()[-2]) + len(batches()[-1])
        assert kept[-late:] == facts[-late:]
        assert log.latest("step_failed")["high", "2013-01-01"].event == facts[2 - late]


def test_this_version_is_recorded() -> None:
    assert HERE / f"log-{__version__}.sql" in RECORDED
