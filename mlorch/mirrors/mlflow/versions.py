"""Versions as MLflow shows them, and what changed from one materialization to the next."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from mlorch.events import AssetMaterialized, Input, Json

_HASH = re.compile(r"[0-9a-f]{32,}")
_SHOWN = 16


def short(version: str) -> str:
    """Return the first 16 digits of a hash; a version that somebody gave as it is."""
    return version[:_SHOWN] if _HASH.fullmatch(version) else version


def by_asset(inputs: Iterable[Input]) -> dict[str, list[Input]]:
    """Group upstream partitions by their asset, in the order given."""
    groups: dict[str, list[Input]] = {}
    for one in inputs:
        groups.setdefault(one.asset, []).append(one)
    return groups


def version_of(inputs: Iterable[Input]) -> str:
    """Return one version for the partitions that were read of an asset: its own, or a digest of them all."""
    found = sorted((one.partition or "", one.data_version) for one in inputs)
    if len(found) == 1:
        return short(found[0][1])
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:_SHOWN]


def flat(config: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    """Return nested config as one level: {"model": {"depth": 3}} becomes {"model.depth": 3}."""
    found: dict[str, Json] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def changes(event: AssetMaterialized, previous: AssetMaterialized) -> list[str]:
    """Return what differs from the materialization before: "code", names of config fields, "up/…", "env/…".

    Code that declares no version differs in every run, which says nothing; it is left out. Where nothing
    else differs it is "partition" or "nothing".
    """
    found = []
    if event.code_version != previous.code_version and event.is_code_declared:
        found.append("code")
    found += _differing(flat(event.config or {}), flat(previous.config or {}))
    now = {asset: version_of(inputs) for asset, inputs in by_asset(event.inputs).items()}
    before = {asset: version_of(inputs) for asset, inputs in by_asset(previous.inputs).items()}
    found += [f"up/{asset}" for asset in _differing(now, before)]
    found += [f"env/{name}" for name in _differing(event.environment, previous.environment)]
    if event.data_version != previous.data_version and event.is_user_provided:
        found.append("data version")
    return found or ["nothing" if event.partition == previous.partition else "partition"]


def changed(event: AssetMaterialized, previous: AssetMaterialized | None) -> str:
    """Return `changes` as one text; "first" where there is nothing to compare with."""
    return ", ".join(changes(event, previous)) if previous is not None else "first"


def _differing(now: Mapping[str, Json], before: Mapping[str, Json]) -> list[str]:
    absent = object()
    names = dict.fromkeys([*now, *before])
    return [name for name in names if now.get(name, absent) != before.get(name, absent)]
