"""Code versions and data versions: what is declared now, and how a data version is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import takewhile
from typing import Any, get_args

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.config import Config, default_config
from mlorch.definitions.graph import AssetGraph, AssetNode
from mlorch.definitions.ops import OpDefinition
from mlorch.definitions.signature import EMPTY
from mlorch.definitions.specs import AUTO
from mlorch.events import Input
from mlorch.planning.fingerprint import Fingerprints


@dataclass(frozen=True, slots=True)
class Declared:
    """What the code says about an asset now."""

    code_version: str | None
    """None where nothing is declared: each run then has its own."""
    default_config_digest: str | None
    """None where there is no config, or where a run has to give one."""


class Declarations:
    """Reads what is declared, each asset once. `auto` fingerprints what declares no code version."""

    def __init__(self, graph: AssetGraph, *, auto: bool = False) -> None:
        self._graph = graph
        self._auto = auto
        self._known: dict[str, Declared] = {}

    @cached_property
    def _fingerprints(self) -> Fingerprints:
        return Fingerprints()

    def __getitem__(self, key: str) -> Declared:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._declared(self._graph.nodes[key])
        return found

    def _declared(self, node: AssetNode) -> Declared:
        definition = node.definition
        if definition is None:
            return Declared(None, None)
        code = node.spec.code_version
        if code is AUTO or (code is None and self._auto):
            code = self._fingerprint(definition)
        return Declared(None if code is None else str(code), _default_digest(definition))

    def _fingerprint(self, definition: AssetsDefinition) -> str:
        """Return that of the function and of the classes that its annotations name.

        Of a graph it is that of each of its ops, and of how they are joined.
        """
        found = []
        for path, node in definition.op_nodes.items():
            if path:
                found.append(f"{path}={node.inputs}")
            found.append(self._fingerprints.of(node.op.function))
            found += sorted(self._fingerprints.of(one) for one in _named(node.op))
        return found[0] if len(found) == 1 else sha256(" ".join(found).encode()).hexdigest()[:16]


def owner_digest(digests: Mapping[str, str]) -> str | None:
    """Return the config digest of an asset from those of its ops, by path; None where none takes a config."""
    if not digests:
        return None
    return digests[""] if "" in digests else config_digest(digests)


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


def _default_digest(definition: AssetsDefinition) -> str | None:
    digests = {}
    for path, node in definition.op_nodes.items():
        if node.op.config is not None:
            config = default_config(node.op.config)
            if config is None:
                return None
            digests[path] = config_digest(config.recorded())
    return owner_digest(digests)


def _named(op: OpDefinition) -> set[type]:
    """Return the classes that an op's annotations name.

    A Config is among them only for its methods: its defaults have a digest of their own.
    """
    signature = op.signature
    named = [*signature.resources.values(), *signature.arguments.values(), signature.returns]
    if op.config is not None and _has_methods(op.config):
        named.append(op.config)
    return {one for annotation in named for one in _classes(annotation)}


def _has_methods(config_class: type[Config]) -> bool:
    own = list(takewhile(lambda base: base is not Config, config_class.__mro__))
    return any(
        isinstance(one, property | classmethod | staticmethod)
        or (callable(one) and getattr(one, "__module__", None) == base.__module__)
        for base in own
        for one in vars(base).values()
    )


def _classes(annotation: Any) -> set[type]:
    """Return the classes that an annotation names, but for those of Python itself."""
    found = {one for part in get_args(annotation) for one in _classes(part)}
    if isinstance(annotation, type) and annotation.__module__ != "builtins" and annotation is not EMPTY:
        found.add(annotation)
    return found
