"""What can be set: [tool.mlorch] and its sections, one frozen value each."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mlorch.definitions.environment import EnvVar
from mlorch.definitions.limits import Limits, read_limits

DEFAULT_STORAGE = "sqlite:///.mlorch/mlorch.db"

DAEMON_RUNS = 10
"""Runs at once that the daemon starts where nobody set a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowSettings:
    """`[tool.mlorch.mlflow]`"""

    enabled: bool = True
    tracking_uri: str | None = None
    """None means SQLite under mlruns/; MLFLOW_TRACKING_URI counts where no setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DvcSettings:
    """`[tool.mlorch.dvc]`"""

    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskSettings:
    """`[tool.mlorch.dask]`"""

    address: str = ""
    """Of a scheduler, such as "tcp://127.0.0.1:8786"; without one a cluster is started on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetriesSettings:
    """`[tool.mlorch.run_retries]`"""

    max_retries: int = 0
    """How often a run that failed is run again; its tag mlorch/max_retries goes before this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """`[tool.mlorch.daemon]`"""

    poll_seconds: float = 1.0
    """From one look at schedules, sensors and the queue to the next."""
    start_timeout_seconds: float = 180.0
    """A run that was given to a worker and did not begin within this has failed."""
    stop_timeout_seconds: float = 60.0
    """How long a daemon that is asked to stop waits for the runs that go."""
    max_runtime_seconds: float = 0.0
    """A run that takes longer is ended; 0 for no limit. A run's tag mlorch/max_runtime goes before this."""
    max_tick_retries: int = 3
    """How often a schedule's tick that failed is tried again."""
    health_port: int = 0
    """Port of the health endpoint; 0 for none."""
    health_host: str = "127.0.0.1"
    log_format: str = "text"
    """"text", or "json" for one JSON object a line."""
    mirror: bool = True
    """Whether the daemon tells MLflow, DVC and those who are notified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """`[tool.mlorch.retention]`: how long things are kept; None for ever."""

    runs: timedelta | None = None
    logs: timedelta | None = None
    """What steps wrote."""
    ticks: timedelta | None = timedelta(days=7)
    """Ticks of sensors that asked for nothing."""
    values: timedelta | None = None
    """Values that were superseded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """`[tool.mlorch.notifications.email]`"""

    host: str = ""
    """The SMTP server; without one no mail is sent."""
    port: int = 587
    starttls: bool = True
    """Refuse to send unencrypted. Port 465 is encrypted from the start whatever this says."""
    sender: str = ""
    recipients: Sequence[str] = ()
    username: str | EnvVar | None = None
    password: EnvVar | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSettings:
    """`[tool.mlorch.notifications]`"""

    on: Sequence[str] = ("failure", "drift", "freshness")
    webhook: str | EnvVar | None = None
    """URL to which each notice is posted as JSON."""
    email: EmailSettings = EmailSettings()

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return bool(self.on) and bool(self.webhook or self.email.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[tool.mlorch]`; `project` is the folder that holds pyproject.toml."""

    project: Path
    name: str = ""
    """The project's name in MLflow; by default that of the Python project, or of the folder."""
    definitions: str = ""
    """The module with the Definitions, such as "flights.definitions"."""
    storage: str = DEFAULT_STORAGE
    """URL of the log."""
    data: str = "data"
    """Folder of the values, relative to the project, or any fsspec URL."""
    code_version: str | None = None
    """"auto" fingerprints the code of every asset that declares no code version."""
    executor: str = "in_process"
    workers: int | None = None
    """Steps at once, with an executor that can; None leaves it to the executor."""
    max_concurrent_runs: int | None = None
    """Runs at once; -1 means any number, 0 none. None means any number for commands, 10 for the daemon."""
    tag_concurrency_limits: Sequence[Mapping[str, Any]] = ()
    """Runs at once with a tag: tables of "key", "limit" and maybe "value"."""
    pools: Mapping[str, int] = field(default_factory=dict)
    """Slots of pools by name; `mlorch pools set` goes before them."""
    mlflow: MlflowSettings = MlflowSettings()
    dvc: DvcSettings = DvcSettings()
    dask: DaskSettings = DaskSettings()
    run_retries: RunRetriesSettings = RunRetriesSettings()
    daemon: DaemonSettings = DaemonSettings()
    retention: RetentionSettings = RetentionSettings()
    notifications: NotificationSettings = NotificationSettings()

    @property
    def limits(self) -> Limits:
        """How many runs and steps go at once, over all processes."""
        runs = -1 if self.max_concurrent_runs is None else self.max_concurrent_runs
        return read_limits(runs, self.tag_concurrency_limits, self.pools, str(self.project))

    @property
    def daemon_runs(self) -> int:
        """How many runs the daemon has carried out at once."""
        runs = DAEMON_RUNS if self.max_concurrent_runs is None else self.max_concurrent_runs
        return runs if runs >= 0 else sys.maxsize

    @property
    def state(self) -> Path:
        """The folder of mlorch's own files."""
        return self.project / ".mlorch"

    @property
    def storage_url(self) -> str:
        """URL of the log; the path of a SQLite file is relative to the project."""
        scheme, slashes, path = (self.storage or DEFAULT_STORAGE).partition(":///")
        is_file = scheme.startswith("sqlite") and path not in ("", ":memory:")
        return f"{scheme}{slashes}{self.project / path if is_file else path}"


SECTIONS: Mapping[str, type] = {
    "mlflow": MlflowSettings,
    "dvc": DvcSettings,
    "dask": DaskSettings,
    "run_retries": RunRetriesSettings,
    "daemon": DaemonSettings,
    "retention": RetentionSettings,
    "notifications": NotificationSettings,
    "notifications.email": EmailSettings,
}
"""By the name that stands behind [tool.mlorch."""
