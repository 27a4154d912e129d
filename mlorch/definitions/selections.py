"""Which assets are meant, as a value: `AssetSelection` and its algebra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckKey
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.specs import AssetSpec
from mlorch.errors import InvalidSelectionError

NULL = "<null>"
"""As a label: has none."""


@dataclass(frozen=True, slots=True)
class AssetSelection:
    """A selection of assets, combined with `|`, `&` and `-`; the names and meanings are Dagster's.

    External assets are found by their keys, by `include_sources` and as sources; a job makes none of them.
    In labels and key substrings a `*` stands for any text.
    """

    operation: str
    operands: tuple[Any, ...] = ()

    @classmethod
    def all(cls, include_sources: bool = False) -> Self:
        return cls("all", (include_sources,))

    @classmethod
    def assets(cls, *assets: AssetsDefinition | AssetSpec | CoercibleToAssetKey) -> Self:
        return cls("keys", tuple(text for one in assets for text in _keys_of(one)))

    @classmethod
    def keys(cls, *asset_keys: CoercibleToAssetKey) -> Self:
        return cls("keys", tuple(key_text(one) for one in asset_keys))

    @classmethod
    def groups(cls, *group_strs: str, include_sources: bool = False) -> Self:
        return cls._labelled("group", group_strs, include_sources)

    @classmethod
    def tag(cls, key: str, value: str, include_sources: bool = False) -> Self:
        return cls._labelled("tag", (f"{key}={value}",), include_sources)

    @classmethod
    def tag_string(cls, string: str, include_sources: bool = False) -> Self:
        """Select by "key=value", or by "key" with any value."""
        return cls._labelled("tag", (string,), include_sources)

    @classmethod
    def kind(cls, kind: str | None, include_sources: bool = False) -> Self:
        """Select by kind; None means assets without one."""
        return cls._labelled("kind", (NULL if kind is None else kind,), include_sources)

    @classmethod
    def owner(cls, owner: str | None) -> Self:
        """Select by owner; None means assets without one."""
        return cls._labelled("owner", (NULL if owner is None else owner,), include_sources=False)

    @classmethod
    def key_prefixes(cls, *key_prefixes: str | Sequence[str], include_sources: bool = False) -> Self:
        return cls("prefixes", (tuple(key_text(one) for one in key_prefixes), include_sources))

    @classmethod
    def key_substring(cls, key_substring: str, include_sources: bool = False) -> Self:
        return cls("substring", (key_substring, include_sources))

    def upstream(self, depth: int | None = None, include_self: bool = True) -> Self:
        """Add what this is made from, `depth` levels up; None is all of them."""
        return self._walked(depth, 0, include_self)

    def downstream(self, depth: int | None = None, include_self: bool = True) -> Self:
        """Add what is made from this, `depth` levels down; None is all of them."""
        return self._walked(0, depth, include_self)

    def roots(self) -> Self:
        """Select those that depend on no other of this selection."""
        return type(self)("roots", (self,))

    def sinks(self) -> Self:
        """Select those on which no other of this selection depends."""
        return type(self)("sinks", (self,))

    def sources(self) -> Self:
        """Select the same as `roots`."""
        return self.roots()

    def upstream_source_assets(self) -> Self:
        """Select the external assets that this is directly made from."""
        return type(self)("source_assets", (self,))

    def materializable(self) -> Self:
        """Leave external assets out."""
        return type(self)("materializable", (self,))

    def required_multi_asset_neighbors(self) -> Self:
        """Add the assets that can only be made together with some of these."""
        return type(self)("neighbors", (self,))

    def without_checks(self) -> Self:
        """Select the same assets and none of their checks, but for those that their own functions give."""
        return type(self)("without_checks", (self,))

    @classmethod
    def checks(cls, *assets_or_check_keys: AssetsDefinition | AssetCheckKey) -> Self:
        """Select checks alone: by their keys, or those that functions evaluate."""
        return cls("checks", tuple(key for one in assets_or_check_keys for key in _checks_of(one)))

    @classmethod
    def checks_for_assets(cls, *assets: AssetsDefinition | AssetSpec | CoercibleToAssetKey) -> Self:
        """Select the checks of these assets, and not the assets."""
        return cls("checks_for", tuple(text for one in assets for text in _keys_of(one)))

    @classmethod
    def all_asset_checks(cls) -> Self:
        return cls("all_checks")

    def __or__(self, other: AssetSelection) -> Self:
        return self._joined("or", other)

    def __and__(self, other: AssetSelection) -> Self:
        return self._joined("and", other)

    def __sub__(self, other: AssetSelection) -> Self:
        return type(self)("and", (self, AssetSelection("not", (_checked(other),))))

    @classmethod
    def _labelled(cls, attribute: str, labels: tuple[str, ...], include_sources: bool) -> Self:
        return cls("labels", (attribute, labels, include_sources))

    def _walked(self, up: int | None, down: int | None, include_self: bool) -> Self:
        depth = down if up == 0 else up
        if depth is not None and depth < 0:
            raise InvalidSelectionError(f"a depth counts levels; it can't be {depth}")
        return type(self)("walk", (self, up, down, include_self))

    def _joined(self, operation: str, other: AssetSelection) -> Self:
        # Flat, so that a union of thousands is no deep tree.
        mine = self.operands if self.operation == operation else (self,)
        return type(self)(operation, (*mine, _checked(other)))


_Selectable: TypeAlias = AssetSelection | str | AssetKey | AssetsDefinition | AssetSpec
CoercibleToAssetSelection: TypeAlias = _Selectable | Sequence[_Selectable]
"""What a `selection` may be; each text in it is an expression, and several mean their union."""


def _checked(other: object) -> AssetSelection:
    if not isinstance(other, AssetSelection):
        raise InvalidSelectionError(
            f"{other!r} is no AssetSelection; write AssetSelection.assets(…) or AssetSelection.from_string(…)"
        )
    return other


def _checks_of(one: AssetsDefinition | AssetCheckKey) -> tuple[AssetCheckKey, ...]:
    return (one,) if isinstance(one, AssetCheckKey) else tuple(spec.key for spec in one.check_specs)


def _keys_of(asset: Any) -> tuple[str, ...]:
    several = getattr(asset, "keys", None)
    return (key_text(asset),) if several is None else tuple(key_text(one) for one in several)
