"""Code versions and data versions: what is declared now, and how a data version is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from mlorch.definitions.config import Config
from mlorch.definitions.graph import AssetGraph, AssetNode
from mlorch.definitions.specs import AUTO
from mlorch.events import Input
from mlorch.planning.fingerprint import fingerprint


@dataclass(frozen=True, slots=True)
class Declared:
    """What the code says about an asset now."""

    code_version: str | None
    """None where nothing is declared: each run then has its own."""
    default_config: Mapping[str, Any] | None
    """None where there is no config, or where a field has no default."""
    default_config_digest: str | None


class Declarations:
    """Reads what is declared, each asset once. `auto` fingerprints what declares no code version."""

    def __init__(self, graph: AssetGraph, *, auto: bool = False) -> None:
        self._graph = graph
        self._auto = auto
        self._known: dict[str, Declared] = {}

    def __getitem__(self, key: str) -> Declared:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _declared(self._graph.nodes[key], self._auto)
        return found


def data_version(
    asset: str, partition: str | None, code: str, config_digest: str | None, inputs: Iterable[Input]
) -> str:
    """Return the sha256 (64 hex digits) over canonical JSON of what the value is made from.

    Keys and separators are part of the text, so that no two different origins meet in one version.
    """
    text = canonical(
        {
            "asset": asset,
            "partition": partition,
            "code": code,
            "config": config_digest,
            "inputs": sorted(((one.asset, one.partition, one.data_version) for one in inputs), key=_by_name),
        }
    )
    return sha256(text.encode()).hexdigest()


def config_digest(config: Mapping[str, Any]) -> str:
    """Return the sha256 (64 hex digits) of a config's recorded form, defaults included."""
    return sha256(canonical(config).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return JSON that is the same text for equal values: sorted keys, no spaces, plain ASCII."""
    return _ENCODE(value)


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _by_name(one: tuple[str, str | None, str]) -> tuple[str, str, str]:
    return one[0], one[1] or "", one[2]


def _declared(node: AssetNode, auto: bool) -> Declared:
    if node.definition is None:
        return Declared(None, None, None)
    code = node.code_version
    if code is AUTO or (code is None and auto):
        code = fingerprint(node.definition.function)
    config = _default_config(node.definition.signature.config)
    return Declared(
        None if code is None else str(code),
        config,
        None if config is None else config_digest(config),
    )


def _default_config(config_class: type[Config] | None) -> Mapping[str, Any] | None:
    if config_class is None or any(one.is_required() for one in config_class.model_fields.values()):
        return None
    return config_class().recorded()
