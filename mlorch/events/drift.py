"""How far data moved from what a model learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from mlorch.events.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEvaluated:
    """A version of an asset, or of one of its partitions, was compared with its reference."""

    at: float
    asset: str
    partition: str | None = None
    data_version: str = ""
    """The version that was compared."""
    sensor: str = ""
    """The name of the drift sensor."""
    reference: Mapping[str, Json] = field(default_factory=dict)
    """{"version", "asset", "partition", "data_version", "parts"}: whose training data it is, and which parts
    of the compared asset in which version, [[partition, data version], …]; "version" names these."""
    verdict: str = ""
    """"drift", "no drift" or "insufficient"."""
    why: str = ""
    """The verdict in a line, for people."""
    report: Mapping[str, Json] = field(default_factory=dict)
    """The whole report: {"verdict", "share", "rows", "drifted", "columns"}."""
    run_key: str | None = None
    """Under which a run was asked for; None where none was."""
    held: str = ""
    """Why none was in spite of drift."""
    run_id: str | None = None
    kind: ClassVar[str] = "drift_evaluated"

    @property
    def drift_id(self) -> str:
        """Names this fact for good."""
        slot = self.asset if self.partition is None else f"{self.asset}[{self.partition}]"
        return f"{self.sensor}:{slot}@{self.data_version}|{self.reference.get('version')}|{self.at}"
