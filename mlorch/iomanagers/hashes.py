"""What every store agrees on: safe paths, hashes as DVC has them, and which bytes answer a request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from mlorch.definitions.io import InputContext
from mlorch.errors import IntegrityError, NotFoundError, StorageError


def recorded(context: InputContext) -> bytes:
    """Return the recorded bytes of a value, checked against their hash.

    Raises IntegrityError and NotFoundError as `ValueStore.read` does.
    """
    if context.uri is None:
        raise NotFoundError(f"asset {str(context.asset_key)!r} was never recorded; there is nothing to read")
    return context.store.read(context.uri, context.content_hash)


def md5(data: bytes) -> str:
    """Return the hash of the bytes, 32 hex digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def object_path(folder: str, digest: str) -> str:
    """Return where DVC's layout keeps what has this hash."""
    return f"{folder}/{digest[:2]}/{digest[2:]}"


def plain(path: str) -> str:
    """Return the path if it stays inside of a store. Raises StorageError."""
    if "\\" in path or "\0" in path or path.startswith(".") or "/." in path or not all(path.split("/")):
        raise StorageError(
            f"a value can't be kept at {path!r}: no part of the path may be empty, start with '.', "
            "or hold a backslash or NUL"
        )
    return path


def chosen(
    uri: str,
    wanted: str | None,
    found: bytes | None,
    kept: Callable[[str], bytes | None],
    is_known: Callable[[str], bool],
) -> bytes:
    """Return the bytes with the wanted hash: what was found at the uri, or what is kept by hash.

    Raises IntegrityError where what was found is no known version, NotFoundError where neither has it.
    """
    actual = None if found is None else md5(found)
    if found is not None and wanted in (actual, None):
        return found
    data = None if wanted is None else kept(wanted)
    if data is not None and (actual is None or is_known(actual)):
        return data
    if actual is None or is_known(actual):
        raise NotFoundError(f"{uri}: the bytes with md5 {wanted} are gone; materialize the asset again")
    cure = "`mlorch restore ASSET` puts them back" if data is not None else "materialize the asset again"
    raise IntegrityError(
        f"{uri} was changed by something else than mlorch: the recorded bytes have md5 {wanted}, "
        f"these have {actual}, and nothing of them was interpreted; {cure}"
    )
