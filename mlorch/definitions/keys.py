"""Names of assets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mlorch.errors import InvalidDefinitionError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_RESERVED = frozenset({"context", "conf", "config", "input", "output", "type", "and", "or", "not"})


class AssetKey:
    """The name of an asset: one or more parts, written "prefix/name".

    Raises InvalidDefinitionError for a part that is no safe file name.
    """

    __slots__ = ("_text",)

    def __init__(self, path: str | Sequence[str]) -> None:
        parts = [path] if isinstance(path, str) else list(path)
        for part in parts:
            if not _PART.fullmatch(str(part)):
                raise InvalidDefinitionError(
                    f"asset key {path!r}: the part {part!r} may have letters, digits, '_', '-' and '.', "
                    "and starts with a letter, a digit or '_'"
                )
        if not parts:
            raise InvalidDefinitionError("an asset key needs at least one part")
        self._text = "/".join(parts)

    @property
    def path(self) -> list[str]:
        return self._text.split("/")

    @property
    def name(self) -> str:
        """The last part."""
        return self._text.rpartition("/")[2]

    def to_user_string(self) -> str:
        """Return "prefix/name", the form used on the command line and in the log."""
        return self._text

    @staticmethod
    def from_user_string(text: str) -> AssetKey:
        return AssetKey(text.split("/"))

    def with_prefix(self, prefix: str | Sequence[str]) -> AssetKey:
        return AssetKey([*([prefix] if isinstance(prefix, str) else prefix), *self.path])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetKey) and self._text == other._text

    def __lt__(self, other: AssetKey) -> bool:
        return self._text < other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"AssetKey({self.path!r})"

    def __str__(self) -> str:
        return self._text


CoercibleToAssetKey = AssetKey | str | Sequence[str]


def key_text(key: object) -> str:
    """Return "prefix/name" of a key, a string, a sequence of parts, or anything with a `key`."""
    if isinstance(key, AssetKey):
        return key.to_user_string()
    if isinstance(key, str):
        return AssetKey.from_user_string(key).to_user_string()
    inner = getattr(key, "key", None)
    if isinstance(inner, AssetKey):
        return inner.to_user_string()
    if isinstance(key, Iterable):
        return AssetKey([str(part) for part in key]).to_user_string()
    raise InvalidDefinitionError(f"{key!r} is no asset, asset key or name of one")


def check_name(name: str) -> None:
    """Raise InvalidDefinitionError where a function's name can't name an asset."""
    if name in _RESERVED:
        raise InvalidDefinitionError(
            f"{name!r} is reserved and can't name an asset; choose another with name=…"
        )
