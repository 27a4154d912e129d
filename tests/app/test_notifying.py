"""People are told by a follower of the log: at least once, nothing from before, and nobody waits for them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlorch import Definitions, Instance, asset
from mlorch.app.materializing import Request, run_request
from mlorch.app.mirroring import mirroring, mirrors_of, waiting
from mlorch.app.notifying import notices_of, notices_waiting, notify
from mlorch.errors import UserError
from mlorch.events import Event, FreshnessChanged, RunFinished, RunStarted
from mlorch.log import MemoryLog
from mlorch.settings import Settings, read_settings
from tests.receivers import hook, mails

PROJECT = """\
[project]
name = "shop"
[tool.mlorch.mlflow]
enabled = false
[tool.mlorch.dvc]
enabled = false
[tool.mlorch.notifications]
webhook = { env = "SHOP_HOOK" }
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return read_settings(tmp_path)


@asset
def broken() -> None:
    raise ValueError("bad data")


def fail(settings: Settings) -> str:
    """Have a run fail; return its id."""
    with Instance.of(settings) as instance:
        return run_request(Definitions([broken]), instance, Request(project="shop")).run_id


def failure(run: str, at: float) -> list[Event]:
    return [RunStarted(run_id=run, at=at), RunFinished(run_id=run, at=at, status="FAILURE")]


def ignore(done: int) -> None:
    return


def test_what_happens_is_told_once_and_what_was_before_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog()
    log.append([*failure("old", 1.0) * 70, *failure("new", 100.0)])
    with hook() as server:
        monkeypatch.setenv("SHOP_HOOK", server.url)
        (notices,) = notices_of(settings, log, since=100.0)
        assert (notices.has_news(), notices.waiting()) == (True, 1)
        told: list[int] = []
        assert notices.drain(told.append) == []
        assert (notices.has_news(), notices.waiting(), told) == (False, 0, [1])
        log.append(failure("later", 200.0))
        # The one that follows next goes on where the first stopped, whenever it begins.
        (notices,) = notices_of(settings, log, since=999.0)
        notices.drain(ignore)
        notices.drain(ignore)
    assert server.titles == ["shop: run new failed", "shop: run later failed"]


def test_where_there_was_nothing_the_first_failure_is_told_even_if_it_could_not_be_at_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog()
    with hook(500) as server:
        monkeypatch.setenv("SHOP_HOOK", server.url)
        (notices,) = notices_of(settings, log, since=100.0)
        assert not notices.has_news()
        log.append(failure("first", 101.0))
        with pytest.raises(ConnectionError, match="500"):
            notices.drain(ignore)
        (notices,) = notices_of(settings, log, since=200.0)
        assert notices.has_news()
        notices.drain(ignore)
    assert [one["notice"]["id"] for one in server.posted] == ["shop-2-101000"] * 2


def test_what_was_sent_is_not_sent_again_when_another_can_not_be(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog()
    with hook(200, 503, 422, 200) as server:
        monkeypatch.setenv("SHOP_HOOK", server.url)
        (notices,) = notices_of(settings, log, since=0.0)
        log.append([*failure("a", 1.0), *failure("b", 2.0), *failure("c", 3.0)])
        with pytest.raises(ConnectionError):
            notices.drain(ignore)
        assert notices.waiting() == 2
        (line,) = notices.drain(ignore)
    assert line.startswith("webhook: refused 'shop: run b failed': it answered 422")
    assert [title[10:11] for title in server.titles] == ["a", "b", "b", "c"]


def test_people_are_told_of_what_they_asked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    some = replace(settings, notifications=replace(settings.notifications, on=("freshness",)))
    with hook() as server:
        monkeypatch.setenv("SHOP_HOOK", server.url)
        (notices,) = notices_of(some, log, since=0.0)
        late = FreshnessChanged(at=3.0, asset="prices", state="FAIL", was="PASS")
        log.append([*failure("a", 1.0), late])
        assert notices_waiting(some, log, 1_000) == {"webhook": 1}
        notices.drain(ignore)
    assert server.titles == ["shop: prices is too old"]
    none = replace(settings, notifications=replace(settings.notifications, on=()))
    assert notices_of(none, log, since=0.0) == []


def test_each_who_is_told_is_followed_for_himself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    with mails() as server:
        email = f'host = "127.0.0.1"\nport = {server.port}\nstarttls = false\nsender = "bot@example.org"\n'
        recipients = 'recipients = ["a@example.org"]\n'
        text = f"{PROJECT}[tool.mlorch.notifications.email]\n{email}{recipients}"
        (tmp_path / "pyproject.toml").write_text(text)
        settings = read_settings(tmp_path)
        monkeypatch.setenv("SHOP_HOOK", "http://127.0.0.1:1")
        posted, mailed = notices_of(settings, log, since=0.0)
        log.append(failure("a", 1.0))
        with pytest.raises(ConnectionError):
            posted.drain(ignore)
        mailed.drain(ignore)
        assert [one["Subject"] for one in server.taken] == ["[mlorch] shop: run a failed"]
        assert notices_waiting(settings, log, 1_000) == {"webhook": 1, "e-mail": 0}
        assert mirrors_of(settings) == "webhook and e-mail"


def test_a_run_that_fails_is_told_beside_the_command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(settings)
    with hook() as server:
        monkeypatch.setenv("SHOP_HOOK", server.url)
        lines: list[str] = []
        with mirroring(settings, wait=True, tell=lines.append) as state:
            run = fail(settings)
        assert state.is_complete, lines
        assert server.titles == [f"shop: run {run[:8]} failed: broken"]
        assert "broken: ValueError: bad data" in server.posted[0]["notice"]["text"]


def test_what_can_not_be_told_waits_and_no_secret_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_HOOK", "http://127.0.0.1:1/s3cr3t")
    lines: list[str] = []
    with mirroring(settings, wait=True, tell=lines.append) as state:
        fail(settings)
    assert not state.is_complete
    assert "1 notices wait for `mlorch mirror`" in lines[-1]
    with Instance.of(settings) as instance:
        assert str(waiting(settings, instance.log)["webhook"]) == "1 notices"
    written = "".join(path.read_text(errors="replace") for path in settings.state.glob("*.log"))
    assert "Connection refused" in written
    assert "s3cr3t" not in written + "".join(lines)


def test_a_notice_is_sent_by_hand_to_everybody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook(200, 404) as server:
        monkeypatch.setenv("SHOP_HOOK", server.url)
        assert notify(settings, "hello", 1.0) == {"webhook": ""}
        assert notify(settings, "hello", 1.0) == {"webhook": "the server answered 404 Not Found"}
    assert server.titles == ["shop: a test"] * 2
    monkeypatch.delenv("SHOP_HOOK")
    assert "SHOP_HOOK is not set" in notify(settings, "hello", 1.0)["webhook"]
    with pytest.raises(UserError, match="nobody is notified"):
        notify(replace(settings, notifications=type(settings.notifications)()), "hello", 1.0)


def test_a_look_at_settings_that_notify_imports_no_machinery(settings: Settings) -> None:
    code = "import sys; import mlorch.app.notifying; print({'smtplib', 'urllib.request'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
