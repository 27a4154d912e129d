"""Where the values of assets lie in the project, as DVC sees files and directories."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from itertools import takewhile
from typing import NamedTuple

from mlorch.events import AssetMaterialized
from mlorch.log import Slot


class Made(NamedTuple):
    """A materialization and its number in the log."""

    seq: int
    fact: AssetMaterialized


class Entry(NamedTuple):
    """A path as `dvc.lock` records it: its md5, its bytes, and for a directory the number of its files."""

    path: str
    md5: str
    size: int
    files: int | None = None


Facts = Mapping[str | None, AssetMaterialized]
"""One version of each partition of an asset; the partition is None where it has none."""


class Held(NamedTuple):
    """What DVC records of a place, and the object by which it knows the directory, where it is one."""

    entries: tuple[Entry, ...]
    manifest: bytes | None = None


@dataclass(slots=True)
class Place:
    """The values of one asset: one file, or a directory with a file for each partition."""

    asset: str
    path: str
    made: dict[str | None, Made]
    newest: Made
    is_directory: bool
    is_crowded: bool = False
    """True where another asset lies inside the directory. DVC refuses outputs inside outputs, so it is
    told of the files one by one."""

    _newest_first: list[Made] = field(default_factory=list)

    def since(self, seq: int) -> Iterator[Made]:
        """Return what was made after a fact of this number."""
        if seq >= self.newest.seq:
            return iter(())
        if not self._newest_first:
            self._newest_first = sorted(self.made.values(), key=lambda made: -made.seq)
        return takewhile(lambda made: made.seq > seq, self._newest_first)

    def paths(self) -> list[str]:
        if self.is_crowded:
            return sorted(_path(made.fact) for made in self.made.values())
        return [self.path]

    def holding(self, facts: Facts) -> Held:
        """Return what DVC would record if these facts lay here: of a file, without a fact, nothing."""
        if self.is_directory and not self.is_crowded:
            return self._directory(facts)
        return Held(
            tuple(
                sorted(
                    Entry(_path(self.made[partition].fact), str(fact.content_hash), fact.size or 0)
                    for partition, fact in facts.items()
                )
            )
        )

    def _directory(self, facts: Facts) -> Held:
        inside, start = self.path + "/", len(self.path) + 1
        files = sorted(
            (_path(fact)[start:], str(fact.content_hash), fact.size or 0)
            for fact in facts.values()
            if _path(fact).startswith(inside)
        )
        content = json.dumps([{"md5": digest, "relpath": name} for name, digest, _ in files]).encode()
        digest = md5(content, usedforsecurity=False).hexdigest()
        size = sum(size for _, _, size in files)
        return Held((Entry(self.path, f"{digest}.dir", size, len(files)),), content)


def places(made: Mapping[Slot, Made], defined: Collection[str] | None) -> dict[str, Place]:
    """Return the place of each asset that has one, of these assets or of all, in order of their names."""
    slots: dict[str, dict[str | None, Made]] = {}
    for (asset, partition), one in made.items():
        if defined is None or asset in defined:
            slots.setdefault(asset, {})[partition] = one
    taken: dict[str, Place] = {}
    for parts in slots.values():
        place = _place(parts)
        # Where two assets were kept under one path, it holds what was kept last.
        if place and (place.path not in taken or taken[place.path].newest.seq < place.newest.seq):
            taken[place.path] = place
    around = {folder for path in taken for folder in _folders(path)}
    for path in around & taken.keys():
        taken[path].is_crowded = True
    return {place.asset: place for place in sorted(taken.values(), key=lambda one: one.asset)}


def is_kept(fact: AssetMaterialized) -> bool:
    """Tell whether the bytes are known and lie under the project."""
    uri = fact.uri
    if not uri or not fact.content_hash or fact.size is None:
        return False
    return "://" not in uri and not uri.startswith("/") and ".." not in uri.split("/")


def _place(parts: Mapping[str | None, Made]) -> Place | None:
    """The newest fact says under which path the values lie now, and whether in parts."""
    newest = max(parts.values(), key=lambda made: made.seq)
    fact = newest.fact
    if not is_kept(fact):
        return None
    if fact.partition is None:
        return Place(fact.asset, _path(fact), {None: newest}, newest, is_directory=False)
    folder = _folder(fact)
    inside: dict[str | None, Made] = {
        partition: made
        for partition, made in parts.items()
        if partition is not None and is_kept(made.fact) and _path(made.fact).startswith(folder + "/")
    }
    return Place(fact.asset, folder, inside, newest, is_directory=True)


def _path(fact: AssetMaterialized) -> str:
    return fact.uri or ""


def _folder(fact: AssetMaterialized) -> str:
    """Return "data/asset" of "data/asset/partition.parquet"; a partition's name may itself have folders."""
    path = "/" + _path(fact)
    end = path.rfind(f"/{fact.asset}/")
    return path[1 : end + 1 + len(fact.asset)] if end >= 0 else path[1:].rpartition("/")[0]


def _folders(path: str) -> list[str]:
    """Return every folder that the path lies in."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
