"""JSON values ↔ .json files that people can read."""

from __future__ import annotations

import json
from typing import Any

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.hashes import recorded

_ENCODER = json.JSONEncoder(ensure_ascii=False)
_LEAVES = frozenset({str, int, float, bool, type(None)})


class JsonIOManager(IOManager):
    """Keeps None, bool, int, float, str, and lists and dicts of these, and gives back the equal value.

    Keys of dicts are strings and keep their order. NaN and the infinities are kept by the names that Python
    gives them, which stricter readers of JSON refuse. numpy's float64 is a float and comes back as one.
    """

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        try:
            # A lone surrogate is no UTF-8, yet Python's strings may hold one; it is kept as it is.
            data = f"{_ENCODER.encode(obj)}\n".encode("utf-8", "surrogatepass")
        except (TypeError, ValueError, RecursionError) as error:
            key = str(context.asset_key)
            raise TypeCheckError(f"asset {key!r} returned what JSON can't hold: {error}") from error
        return context.store.write(f"{context.path}.json", lambda file: file.write(data))

    def load_input(self, context: InputContext) -> Any:
        return json.loads(recorded(context).decode("utf-8", "surrogatepass"))


def is_jsonable(value: Any) -> bool:
    """Say whether a value comes back from JSON equal and of the same types (of floats: as floats)."""
    kind = type(value)
    if kind in _LEAVES:
        return True
    if kind is list:
        return all(map(is_jsonable, value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(is_jsonable, value.values()))
    return isinstance(value, float) and kind.__module__ == "numpy"
