"""The verb drift: two sets of data beside each other, by their names or their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlorch.app.loading import find_version
from mlorch.app.references import Tell, frames_of, gathered, parts_read, schema_of
from mlorch.errors import NotFoundError, UserError
from mlorch.events import AssetMaterialized

if TYPE_CHECKING:
    from mlorch.app.opening import App
    from mlorch.drift import DriftReport

_NAME = re.compile(r"(?P<asset>[^\[\]@]+)(?:\[(?P<partition>.+)\])?(?:@(?P<version>\w+))?")
_FILES = (".parquet", ".pq", ".csv", ".csv.gz")


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared, by its names, and what came of it."""

    reference: str
    current: str
    report: DriftReport


def compare_data(
    open_project: Callable[[], App],
    reference: str,
    current: str,
    *,
    watch: Iterable[str] = (),
    min_rows: int = 100,
    share: float = 0.5,
    tell: Tell = lambda _: None,
) -> Compared:
    """Compare "asset", "asset[partition]", "asset@version", or files (Parquet, CSV), with each other.

    An asset with partitions means all of them; a model as the reference means what it learned from of the
    other's asset. Raises UserErrors for what is not there, and where it is no frame.
    """
    from mlorch.drift import compare

    reading = _Reading(open_project, tell)
    one, other = reading.named(reference), reading.named(current)
    if one.is_model and other.parts:
        one = reading.learned(one, other.parts[0].asset)
    schema = reading.schema(one) or reading.schema(other)
    before, now = (gathered(reading.frames(each), schema) for each in (one, other))
    report = compare(before, now, watch=watch, min_rows=min_rows, share=share)
    return Compared(one.name, other.name, report)


@dataclass(frozen=True, slots=True)
class _Data:
    """A file, or versions of an asset."""

    name: str
    path: Path | None = None
    parts: Sequence[AssetMaterialized] = ()

    @property
    def is_model(self) -> bool:
        return len(self.parts) > 0 and self.parts[0].definition.get("value") == "model"


class _Reading:
    """Finds and reads data; the project is opened where something of it is named."""

    def __init__(self, open_project: Callable[[], App], tell: Tell) -> None:
        self._open = open_project
        self._tell = tell

    @cached_property
    def project(self) -> App:
        return self._open()

    def named(self, text: str) -> _Data:
        """Return the data of a name. Raises UserError for what is none or not there."""
        if text.lower().endswith(_FILES) or Path(text).is_file():
            return _Data(text, path=Path(text))
        found = _NAME.fullmatch(text)
        if found is None:
            raise UserError(
                f"{text!r} is no data; write asset, asset[partition], asset@version or the path of a file"
            )
        asset, partition, version = found["asset"], found["partition"], found["version"]
        log = self.project.record.log
        if partition is None and version is None:
            latest = log.latest(AssetMaterialized.kind, [asset]).values()
            made = [one.event for one in latest if isinstance(one.event, AssetMaterialized)]
            if len(made) > 1:
                parts = sorted(made, key=lambda one: one.partition or "")
                if parts[0].definition.get("value") == "model":
                    parts = parts[-1:]
                return _Data(text, parts=parts)
        return _Data(text, parts=[find_version(log, asset, partition, version)])

    def learned(self, model: _Data, asset: str) -> _Data:
        """Return what a model was made from of an asset. Raises NotFoundError where that is nothing."""
        parts = parts_read(self.project.record.log, model.parts[0], asset)
        if not parts:
            raise NotFoundError(f"the model {model.name!r} was not made from {asset!r}")
        return _Data(f"{asset} that {model.parts[0].step} learned from", parts=parts)

    def schema(self, one: _Data) -> Any:
        return schema_of(self.project.definitions.graph, one.parts[0].asset) if one.parts else None

    def frames(self, one: _Data) -> list[Any]:
        if one.path is not None:
            self._tell(f"reading {one.path}")
            return [_read_file(one.path)]
        return frames_of(one.parts, self.project.record, self._resources(one), self._tell)

    def _resources(self, one: _Data) -> Mapping[str, Any]:
        # The project's code is needed only where its own IO manager has to read the value.
        is_own = any((part.io_manager or "").startswith("resource:") for part in one.parts)
        return self.project.definitions.resources if is_own else {}


def _read_file(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(path) if ".csv" in path.suffixes else pd.read_parquet(path)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(f"{path} can't be read: {error}") from None
