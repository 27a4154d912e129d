"""What a running asset may ask and say."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mlorch.definitions.fields import mask
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.results import DataVersion
from mlorch.errors import TypeCheckError, UserError
from mlorch.execution.capture import Captured, LogHandler

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.definitions.windows import TimeWindow


class AssetExecutionContext:
    """The optional parameter `context` of an asset's function; names and meaning are Dagster's."""

    mlorch_role: ClassVar[str] = "context"

    def __init__(
        self,
        *,
        run_id: str,
        asset_key: AssetKey,
        captured: Captured,
        partition: str | None = None,
        partitions_def: PartitionsDefinition | None = None,
        attempt: int = 1,
        job_name: str | None = None,
        run_tags: Mapping[str, str] | None = None,
    ) -> None:
        self.run_id = run_id
        self.asset_key = asset_key
        self.job_name = job_name
        self.run_tags = dict(run_tags or {})
        self.retry_number = attempt - 1
        self.metadata: dict[str, Any] = {}
        self.metrics: dict[str, Any] = {}
        self.data_version: DataVersion | None = None
        self._partition = partition
        self._partitions_def = partitions_def
        self._captured = captured
        self._log: logging.Logger | None = None

    @property
    def log(self) -> logging.Logger:
        """A logger whose records are kept with the step."""
        if self._log is None:
            # Not from getLogger: a logger of its own keeps steps apart and needs no clean-up.
            self._log = logging.Logger(str(self.asset_key), logging.DEBUG)  # noqa: LOG001
            self._log.addHandler(LogHandler(self._captured))
        return self._log

    @property
    def has_partition_key(self) -> bool:
        return self._partition is not None

    @property
    def partition_key(self) -> str:
        """The partition being made. Raises UserError where the asset has none."""
        if self._partition is None:
            raise UserError(f"asset {str(self.asset_key)!r} has no partitions, so no partition_key")
        return self._partition

    @property
    def partition_time_window(self) -> TimeWindow:
        """Start and end (exclusive) of the partition, aware datetimes in its definition's time zone.

        Raises UserError where the asset has no time partitions.
        """
        window = getattr(self._partitions_def, "time_window_for_partition_key", None)
        if window is None:
            raise UserError(f"asset {str(self.asset_key)!r} has no time partitions, so no time window")
        found: TimeWindow = window(self.partition_key)
        return found

    def add_output_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Record facts with the materialization; what JSON can't hold is kept as text."""
        self.metadata.update(plain(metadata))

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number with the materialization; with `step` it is a point of a series."""
        known = self.metrics.get(name)
        if known is not None and isinstance(known, list) == (step is None):
            raise UserError(
                f"the metric {name!r} was logged with a step and without; give each a step, or none"
            )
        if step is None:
            self.metrics[name] = float(value)
        else:
            self.metrics.setdefault(name, []).append([step, float(value)])

    def set_data_version(self, data_version: DataVersion) -> None:
        """Give the materialization a data version of one's own. Raises TypeCheckError for anything else."""
        if not isinstance(data_version, DataVersion):
            raise TypeCheckError(f"a data version is given as DataVersion('…'), not as {data_version!r}")
        self.data_version = data_version


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as JSON with passwords in URLs masked; other objects become their text."""
    try:
        found = json.loads(json.dumps(dict(metadata), default=_as_plain))
    except (TypeError, ValueError):
        # A key that is no text, or a list that holds itself, somewhere within.
        found = {str(name): _plain_or_text(value) for name, value in metadata.items()}
    masked: dict[str, Any] = mask(found)
    return masked


def _plain_or_text(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, default=_as_plain))
    except (TypeError, ValueError):
        return str(value)


def _as_plain(value: Any) -> Any:
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        return item()
    listed = getattr(value, "tolist", None)
    return listed() if callable(listed) else str(value)
