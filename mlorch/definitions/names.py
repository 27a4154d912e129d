"""What ops, graphs, jobs, their inputs and their outputs may be called."""

from __future__ import annotations

import keyword
import re

from mlorch.errors import InvalidDefinitionError

_NAME = re.compile(r"[A-Za-z0-9_]+")
_RESERVED = frozenset(keyword.kwlist) | {
    "arg_dict", "bool", "conf", "config", "context", "dict", "float", "input", "input_arg_dict", "int",
    "meta", "output", "output_arg_dict", "str", "type",
}  # fmt: skip


def is_plain_name(name: object) -> bool:
    """Tell whether this is text of letters, digits and "_": it stands in step names and on disk as it is."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check_plain_name(name: object, what: str) -> None:
    """Raise InvalidDefinitionError where `what` ("op", "graph 'g', output") can't be called so."""
    if not is_plain_name(name):
        raise InvalidDefinitionError(
            f"{what} can't be called {name!r}: a name is text of letters, digits and '_'"
        )
    if name in _RESERVED:
        raise InvalidDefinitionError(f"{what} can't be called {name!r}, which is reserved; choose another")
