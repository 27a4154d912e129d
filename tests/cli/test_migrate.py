"""mlorch migrate, as people type it."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing

import pytest

from mlorch import Instance
from mlorch.storage.leases import Holder
from mlorch.storage.sql import open_log

HERE = "sqlite:///.mlorch/mlorch.db"


@pytest.fixture
def made(project):
    """The project after a run."""
    assert project("materialize", "numbers", "--quiet").code in (0, 2)
    project("materialize", "numbers")
    return project


def test_a_history_goes_to_a_server_and_back(made, postgres):
    done = made("migrate", "--to", postgres)
    assert done.code == 0
    assert "records from " in done.out
    assert f'storage = "{postgres}"' in done.out
    made.edit("pyproject.toml", "[tool.mlorch]\n", f'[tool.mlorch]\nstorage = "{postgres}"\n')
    assert "numbers" in made("status").out
    assert made("materialize", "numbers", "total").code == 0
    back = made("migrate", "--to", "sqlite:///.mlorch/back.db", "--json")
    found = json.loads(back.out)
    assert found["target"].endswith("/.mlorch/back.db")
    assert found["is_used"] is False
    with closing(open_log(postgres)) as there, closing(open_log(found["target"])) as here:
        assert here.read() == there.read()
        assert found["rows"]["events"] == len(here.read()) > 5


def test_a_password_is_neither_shown_nor_kept(made, postgres, monkeypatch):
    url = postgres.replace("mlorch@", "mlorch:pa55word@")
    done = [made("migrate", "--to", url)]
    assert "MLORCH_STORAGE" in done[0].out
    monkeypatch.setenv("MLORCH_STORAGE", url)
    done += [
        made(*words.split())
        for words in ("materialize total", "status", "runs list --json", "config show", "pools list")
    ]
    with closing(open_log(url)) as log:
        kept = repr(log.read()) + repr(log.engine)
    done.append(made("migrate", "--to", url.replace("/test_", "/no_such_")))
    assert [one.code for one in done] == [0, 0, 0, 0, 0, 0, 2]
    shown = kept + "".join(one.out + one.err for one in done)
    files = b"".join(path.read_bytes() for path in made.folder.rglob("*") if path.is_file())
    assert "pa55word" not in shown
    assert b"pa55word" not in files


def test_where_it_goes_must_be_another_and_empty_and_where_it_is_must_be_something(made):
    assert "say the other one" in made("migrate").err
    assert made("migrate", "--to", HERE).code == 2
    assert made("migrate", "--to", "sqlite:///copy.db").code == 0
    again = made("migrate", "--to", "sqlite:///copy.db")
    assert again.code == 2
    assert "has a history already" in again.err
    nothing = made("migrate", "--from", "sqlite:///nothing.db")
    assert nothing.code == 2
    assert "nothing.db has no history" in nothing.err


def test_while_a_run_goes_on_nothing_is_copied(made):
    with Instance.local(made.folder) as instance:
        mine = Holder("0123456789", "here", os.getpid(), "mlorch", 1.0)
        instance.leases.acquire(["numbers"], mine, 60, time.time())
        refused = made("migrate", "--to", "sqlite:///copy.db")
        assert refused.code == 2
        assert "is used by what goes on: 01234567" in refused.err
        instance.leases.release(mine)
    assert made("migrate", "--to", "sqlite:///copy.db").code == 0
