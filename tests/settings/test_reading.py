"""Settings: pyproject.toml, then the environment, then flags; whatever is wrong is named with its place."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from mlorch.definitions.environment import EnvVar
from mlorch.definitions.limits import Limits, TagLimit
from mlorch.errors import InvalidConfigError, UserError
from mlorch.settings import find_project, read_settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MLORCH_")]:
        monkeypatch.delenv(name)


def project(folder: Path, text: str = "[tool.mlorch]\n") -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_what_nobody_sets_has_its_default(tmp_path):
    settings = read_settings(project(tmp_path))
    assert settings.project == tmp_path
    assert settings.name == tmp_path.name
    assert (settings.definitions, settings.data, settings.code_version) == ("", "data", None)
    assert (settings.executor, settings.workers) == ("in_process", None)
    assert (settings.mlflow.enabled, settings.mlflow.tracking_uri, settings.dvc.enabled) == (True, None, True)
    assert settings.storage_url == f"sqlite:///{tmp_path}/.mlorch/mlorch.db"


def test_the_file_says_what_the_project_wants(tmp_path):
    text = """
        [project]
        name = "flights"
        [tool.mlorch]
        definitions = "flights.definitions"
        code_version = "auto"
        workers = 3
        [tool.mlorch.mlflow]
        tracking_uri = "http://mlflow"
        [tool.mlorch.dvc]
        enabled = false
        """
    settings = read_settings(project(tmp_path, text))
    assert (settings.name, settings.definitions) == ("flights", "flights.definitions")
    assert (settings.code_version, settings.workers) == ("auto", 3)
    assert (settings.mlflow.tracking_uri, settings.dvc.enabled) == ("http://mlflow", False)


def test_the_environment_goes_before_the_file_and_flags_before_both(tmp_path, monkeypatch):
    project(tmp_path, '[tool.mlorch]\nexecutor = "threads"\nworkers = 3\ndata = "file"\nname = "mine"\n')
    monkeypatch.setenv("MLORCH_WORKERS", "4")
    monkeypatch.setenv("MLORCH_EXECUTOR", "processes")
    settings = read_settings(tmp_path, flags={"executor": "in_process", "workers": None})
    assert (settings.executor, settings.workers, settings.data) == ("in_process", 4, "file")
    assert settings.name == "mine"


def test_sections_are_set_by_variables_too(tmp_path, monkeypatch):
    project(tmp_path, '[tool.mlorch.mlflow]\nenabled = true\ntracking_uri = "file"\n')
    monkeypatch.setenv("MLORCH_MLFLOW_ENABLED", "False")
    monkeypatch.setenv("MLORCH_DVC_ENABLED", "0")
    settings = read_settings(tmp_path)
    assert (settings.mlflow.enabled, settings.mlflow.tracking_uri, settings.dvc.enabled) == (
        False,
        "file",
        False,
    )


def test_an_empty_variable_sets_nothing(tmp_path, monkeypatch):
    project(tmp_path, '[tool.mlorch]\ndata = "values"\n')
    monkeypatch.setenv("MLORCH_DATA", "")
    assert read_settings(tmp_path).data == "values"


@pytest.mark.parametrize(
    ("storage", "url"),
    [
        ("sqlite:///state/log.db", "sqlite:///{project}/state/log.db"),
        ("sqlite:////elsewhere/log.db", "sqlite:////elsewhere/log.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg://me@host/db", "postgresql+psycopg://me@host/db"),
    ],
    ids=["relative", "absolute", "memory", "server"],
)
def test_the_file_of_the_log_is_relative_to_the_project(tmp_path, storage, url):
    settings = read_settings(project(tmp_path, f'[tool.mlorch]\nstorage = "{storage}"\n'))
    assert settings.storage_url == url.format(project=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tool.mlorch]\nexecuter = 'threads'\n",
            r"unknown setting 'executer'; did you mean 'executor'",
        ),
        (
            "[tool.mlorch]\nexecutor = 'thread'\n",
            "executor should be one of in_process, .*, not 'thread'; did you mean 'threads'",
        ),
        ("[tool.mlorch]\nexecutor = 3\n", "'executor' should be text, not 3"),
        ("[tool.mlorch]\nworkers = '3'\n", "'workers' should be a whole number, not '3'"),
        ("[tool.mlorch]\nworkers = true\n", "'workers' should be a whole number, not True"),
        ("[tool.mlorch]\nworkers = 0\n", "workers should be at least 1, not 0"),
        ("[tool.mlorch]\ncode_version = '3'\n", "code_version should be 'auto', not '3'"),
        ("[tool.mlorch]\nproject = 'x'\n", "unknown setting 'project'"),
        ("[tool.mlorch]\nmlflow = 3\n", r"\[tool.mlorch.mlflow\] should be a table of settings, not 3"),
        (
            "[tool.mlorch.mlflow]\nenabeld = true\n",
            r"unknown setting 'enabeld'; did you mean 'enabled'",
        ),
        ("[tool.mlorch.mlflow]\nenabled = 'no'\n", "'enabled' should be true or false, not 'no'"),
        ("[tool.mlorch.dvc]\nname = 'x'\n", r"unknown setting 'name' \(there are: enabled\)"),
        ("[tool.mlorch.dvc]\nmlflow = {}\n", "unknown setting 'mlflow'"),
        ("[tool]\nmlorch = 3\n", r"\[tool.mlorch\] should be a table of settings, not 3"),
        ("[tool.mlorch\n", "is no valid TOML"),
        ("\udcff", "is no valid TOML"),
    ],
    ids=lambda text: text[:40].encode("ascii", "replace").decode(),
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path, text, message):
    (tmp_path / "pyproject.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidConfigError, match=message) as raised:
        read_settings(tmp_path)
    assert str(tmp_path / "pyproject.toml") in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MLORCH_EXECUTER", "threads", "is no setting; did you mean 'MLORCH_EXECUTOR'"),
        (
            "MLORCH_EXECUTOR",
            "thread",
            "executor should be one of in_process, .*, not 'thread'; did you mean 'threads'",
        ),
        ("MLORCH_WORKERS", "many", "should be a whole number, not 'many'"),
        ("MLORCH_WORKERS", "0", "at least 1"),
        ("MLORCH_CODE_VERSION", "3", "should be 'auto', not '3'"),
        ("MLORCH_MLFLOW_ENABLED", "no", "should be true or false, not 'no'"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path, monkeypatch, variable, value, message):
    project(tmp_path)
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidConfigError, match=f"the environment variable {variable}.*{message}"):
        read_settings(tmp_path)


def test_a_wrong_flag_is_named(tmp_path):
    with pytest.raises(
        InvalidConfigError, match=r"the command line: executor should be one of .*, not 'spark'"
    ):
        read_settings(project(tmp_path), flags={"executor": "spark"})


def test_the_project_is_the_nearest_folder_above_that_says_so(tmp_path, monkeypatch):
    outer = project(tmp_path)
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    project(tmp_path / "inner", "[project]\nname = 'no project of mlorch'\n")
    assert find_project(tmp_path / "inner" / "deep") == outer
    monkeypatch.chdir(tmp_path / "inner" / "deep")
    assert read_settings().project == outer
    monkeypatch.setenv("MLORCH_PROJECT", str(tmp_path / "inner"))
    assert find_project() == tmp_path / "inner"


def test_a_folder_in_no_project_is_named_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"is in no mlorch project: .*'mlorch init' makes one here"):
        find_project(tmp_path)


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "tool = 3\nproject = 4\n"])
def test_a_folder_that_is_given_and_is_no_project_is_refused(tmp_path, monkeypatch, text):
    project(tmp_path, text)
    with pytest.raises(UserError, match=f"{tmp_path} is no mlorch project"):
        read_settings(tmp_path)
    monkeypatch.setenv("MLORCH_PROJECT", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere is no mlorch project"):
        read_settings()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(InvalidConfigError, match=r"pyproject.toml can't be read: Is a directory"):
        read_settings(tmp_path)


def test_limits_are_read_from_the_project(tmp_path, monkeypatch):
    path = project(tmp_path) / "pyproject.toml"
    assert read_settings(tmp_path).limits == Limits()
    path.write_text(
        "[tool.mlorch]\nmax_concurrent_runs = 2\n"
        'tag_concurrency_limits = [{key = "user", value = {applyLimitPerUniqueValue = true}, limit = 1}]\n'
        "[tool.mlorch.pools]\ngpu = 1\n"
    )
    limits = Limits(runs=2, tags=(TagLimit(key="user", limit=1, is_per_value=True),), pools={"gpu": 1})
    assert read_settings(tmp_path).limits == limits
    monkeypatch.setenv("MLORCH_MAX_CONCURRENT_RUNS", "-1")
    assert read_settings(tmp_path).limits.runs == -1
    path.write_text("[tool.mlorch.pools]\ngpu = 1.5\n")
    with pytest.raises(InvalidConfigError, match=r"pyproject\.toml: the pool 'gpu' should have a number"):
        read_settings(tmp_path)
    path.write_text("[tool.mlorch]\npools = 3\n")
    with pytest.raises(InvalidConfigError, match="'pools' should be a table, not 3"):
        read_settings(tmp_path)


def test_a_scheduler_is_named_in_the_file_or_in_the_environment(tmp_path, monkeypatch):
    project(tmp_path, '[tool.mlorch]\nexecutor = "dask"\n[tool.mlorch.dask]\naddress = "tcp://here:8786"\n')
    assert read_settings(tmp_path).dask.address == "tcp://here:8786"
    monkeypatch.setenv("MLORCH_DASK_ADDRESS", "tcp://there:8786")
    assert (read_settings(tmp_path).executor, read_settings(tmp_path).dask.address) == (
        "dask",
        "tcp://there:8786",
    )


def test_the_sections_of_the_daemon_are_read(tmp_path, monkeypatch):
    text = """
        [tool.mlorch.daemon]
        poll_seconds = 2
        health_port = 8700
        [tool.mlorch.retention]
        runs = "90d"
        ticks = "forever"
        [tool.mlorch.notifications]
        on = ["failure"]
        webhook = "https://hooks.example.org/x"
        [tool.mlorch.notifications.email]
        host = "smtp.example.org"
        sender = "mlorch@example.org"
        recipients = ["team@example.org"]
        username = { env = "MAIL_USER" }
        password = { env = "MAIL_PASSWORD" }
        """
    monkeypatch.setenv("MLORCH_DAEMON_POLL_SECONDS", "0.25")
    monkeypatch.setenv("MLORCH_RETENTION_LOGS", "12h")
    monkeypatch.setenv("MLORCH_NOTIFICATIONS_WEBHOOK", "https://elsewhere")
    settings = read_settings(project(tmp_path, text))
    assert (settings.daemon.poll_seconds, settings.daemon.health_port) == (0.25, 8700)
    kept = settings.retention
    assert (kept.runs, kept.logs, kept.ticks) == (timedelta(days=90), timedelta(hours=12), None)
    notices = settings.notifications
    assert (notices.on, notices.email.recipients) == (("failure",), ("team@example.org",))
    assert (notices.webhook, notices.email.password) == (
        EnvVar("MLORCH_NOTIFICATIONS_WEBHOOK"),
        EnvVar("MAIL_PASSWORD"),
    )
    assert notices.is_on
    assert not read_settings(project(tmp_path), flags={}).notifications.email.host


def test_nobody_is_notified_unless_somebody_is_named(tmp_path):
    assert not read_settings(project(tmp_path)).notifications.is_on


def test_the_daemon_has_a_limit_of_its_own_where_nobody_set_one(tmp_path):
    settings = read_settings(project(tmp_path))
    assert (settings.limits.runs, settings.daemon_runs) == (-1, 10)
    settings = read_settings(tmp_path, flags={"max_concurrent_runs": 0})
    assert (settings.limits.runs, settings.daemon_runs) == (0, 0)
    settings = read_settings(tmp_path, flags={"max_concurrent_runs": -1})
    assert settings.limits.runs == -1
    assert settings.daemon_runs > 1_000_000


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        ("daemon", "poll_seconds = 0", "poll_seconds should be at least 0.05, not 0"),
        ("daemon", "poll_seconds = 'often'", "'poll_seconds' should be a number, not 'often'"),
        ("daemon", "stop_timeout_seconds = inf", "'stop_timeout_seconds' should be a number, not inf"),
        ("daemon", "start_timeout_seconds = true", "'start_timeout_seconds' should be a number, not True"),
        ("daemon", "health_port = 70000", "health_port should be a port from 0 to 65535, not 70000"),
        ("daemon", "log_format = 'jsno'", "one of text, json, not 'jsno'; did you mean 'json'"),
        ("daemon", "pol_seconds = 1", "unknown setting 'pol_seconds'; did you mean 'poll_seconds'"),
        ("deamon", "poll_seconds = 1", "unknown setting 'deamon'; did you mean 'daemon'"),
        ("retention", "runs = 90", "'runs' should be a duration .*, not 90"),
        ("retention", "runs = '90'", "'runs' should be a duration"),
        ("notifications", "on = 'drift'", "'on' should be a list of texts, not 'drift'"),
        ("notifications", "on = ['drfit']", r"some of failure, .*, not \['drfit'\]; did you mean 'drift'"),
        ("notifications", "webhook = 'hooks.example.org/s3cr3t'", "webhook should be a URL that"),
        ("notifications", "webhook = { en = 's3cr3t' }", r"'webhook' should be text, or \{ env = "),
        ("notifications", "email = 3", r"\[tool.mlorch.notifications.email\] should be a table"),
        ("notifications.email", "hots = 'x'", "unknown setting 'hots'; did you mean 'host'"),
        ("notifications.email", "password = 's3cr3t'", "'password' should be .*, as no secret"),
        ("notifications.email", "host = 'x'\nrecipients = ['x']", r"email\] .* needs 'sender' too"),
        ("notifications.email", "host = 'x'\nsender = 'x'", "needs 'recipients' too"),
        ("notifications.email", "sender = 'x'", "needs the SMTP server as 'host' too"),
        ("notifications.email", "username = 's3cr3t'", "needs 'username' and 'password' together"),
    ],
)  # fmt: skip
def test_a_wrong_setting_of_a_section_is_named_and_no_secret_is_repeated(tmp_path, section, line, message):
    project(tmp_path, f"[tool.mlorch.{section}]\n{line}\n")
    with pytest.raises(InvalidConfigError, match=message) as raised:
        read_settings(tmp_path)
    assert str(tmp_path / "pyproject.toml") in str(raised.value)
    if section == "notifications.email" or "webhook" in line:
        assert "s3cr3t" not in str(raised.value)
