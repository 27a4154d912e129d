"""The log of each released version stays readable."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlorch import __version__
from mlorch.events import KINDS, from_json
from mlorch.storage.leases import Holder, SqlLeases
from mlorch.storage.sql import open_log

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


def test_this_version_is_recorded() -> None:
    assert HERE / f"log-{__version__}.sql" in RECORDED
