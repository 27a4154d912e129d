"""Moving a history from one database to another."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlorch.errors import BusyError, InvalidConfigError, NotFoundError

if TYPE_CHECKING:
    from mlorch.settings import Settings
    from mlorch.storage.sql import SqlLog


@dataclass(frozen=True, slots=True)
class Migration:
    """What was copied. `source` and `target` are names of databases, without passwords."""

    source: str
    target: str
    rows: Mapping[str, int]
    """By table."""
    is_used: bool
    """Whether the project's settings name the target already."""


def migrate_history(
    settings: Settings, source: str | None, target: str | None, tell: Callable[[int, int], None]
) -> Migration:
    """Copy the whole history from one URL to another; each is the project's storage where it is None.

    `tell` is told how many rows are done, of how many. Raises InvalidConfigError where both are one,
    NotFoundError where there is no history, BusyError while runs go on, and StorageError where the target
    has a history. What was not copied whole leaves the target as it was; the source always stays.
    """
    from mlorch.storage.copying import copy_history
    from mlorch.storage.databases import name_of, url_of
    from mlorch.storage.sql import find_log, open_log

    urls = [replace(settings, storage=one or settings.storage).storage_url for one in (source, target)]
    names = [name_of(url_of(url)) for url in urls]
    if urls[0] == urls[1]:
        raise InvalidConfigError(
            f"{names[0]} is copied from and to: say the other one with --from URL or --to URL, "
            "as sqlite:///path/of/file.db or postgresql+psycopg://user@host/database"
        )
    found = find_log(urls[0])
    if found is None:
        raise NotFoundError(f"{names[0]} has no history; --from URL says where it is")
    with closing(found) as log:
        _require_quiet(log, names[0])
        with closing(open_log(urls[1])) as copy:
            rows = copy_history(
                log.engine,
                copy.engine,
                check=lambda: _require_quiet(log, names[0]),
                tell=lambda progress: tell(*progress),
            )
    return Migration(names[0], names[1], rows, is_used=urls[1] == settings.storage_url)


def _require_quiet(log: SqlLog, name: str) -> None:
    from mlorch.storage.leases import SqlLeases

    runs = sorted(SqlLeases(log.engine).runs(time.time()))
    if runs:
        raise BusyError(
            f"{name} is used by what goes on: {', '.join(run[:8] for run in runs)}. "
            "Wait for the runs to end, or cancel them, and stop the daemon; then copy it"
        )
