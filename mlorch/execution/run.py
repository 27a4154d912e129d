"""One run: its identity, and what every step of it shares."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.keys import key_text
from mlorch.definitions.specs import AssetSpec
from mlorch.execution.metadata import plain
from mlorch.execution.settling import NodeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every step of a run shares."""

    run_id: str
    job: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, Any] = field(default_factory=dict)
    """As it was given, secrets masked."""
    configs: Mapping[tuple[str, ...], NodeConfig] = field(default_factory=dict)
    """By where they stand, of the ops that take a config."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """By name, with environment variables resolved."""
    log_level: int = logging.DEBUG
    """Of `context.log`: what is below is not kept."""
    secrets: tuple[str, ...] = ()
    """Texts that must not be kept anywhere, those before that are parts of others."""


SHORTEST_SECRET = 4
"""Characters. What is shorter is a number or a flag from the environment and can be guessed anyhow; masking
every "1" would leave no text readable."""


def settle_secrets(*several: Iterable[str]) -> tuple[str, ...]:
    """Return the texts to be masked, longer ones first."""
    texts = {text for one in several for text in one if len(text) >= SHORTEST_SECRET}
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def facts_of(spec: AssetSpec, maker: AssetsDefinition, deps: Iterable[str]) -> dict[str, Any]:
    """Return what is recorded about the definition of an asset with each of its materializations."""
    function = maker.function
    found = {
        "group": spec.group_name,
        "kinds": list(spec.kinds),
        "tags": dict(spec.tags),
        "owners": list(spec.owners),
        "description": spec.description,
        "deps": list(deps),
        "partitions": str(spec.partitions_def) if spec.partitions_def is not None else None,
        "source": f"{function.__module__}:{function.__qualname__}",
        "metadata": plain(spec.metadata) if spec.metadata else {},
    }
    if len(maker.specs) > 1 and not maker.can_subset:
        found["together"] = [key_text(one.key) for one in maker.specs.values()]
    return found
