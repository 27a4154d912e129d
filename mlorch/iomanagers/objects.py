"""Any Python value ↔ .pkl files, pickled with cloudpickle."""

from __future__ import annotations

import pickle
from typing import Any

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.hashes import recorded


class PickleIOManager(IOManager):
    """Keeps what nothing else keeps. Only bytes that have the recorded hash are unpickled.

    Functions and classes of a script or notebook are kept with the value, those of modules by name.
    """

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        import cloudpickle

        try:
            data = cloudpickle.dumps(obj)
        except (pickle.PicklingError, TypeError) as error:
            raise TypeCheckError(
                f"asset {str(context.asset_key)!r} returned {type(obj).__qualname__}, which can't be pickled "
                f"({error}); return what it is made from, or name an IO manager that keeps it"
            ) from error
        return context.store.write(f"{context.path}.pkl", lambda file: file.write(data))

    def load_input(self, context: InputContext) -> Any:
        return pickle.loads(recorded(context))
