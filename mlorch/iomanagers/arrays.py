"""numpy arrays ↔ .npy files."""

from __future__ import annotations

import io
from typing import Any

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.iomanagers.hashes import recorded


class NumpyIOManager(IOManager):
    """Keeps arrays of any shape whose dtype holds no Python objects. Adds "shape" and "dtype"."""

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        import numpy as np

        context.add_output_metadata({"shape": list(obj.shape), "dtype": str(obj.dtype)})
        return context.store.write(f"{context.path}.npy", lambda file: np.save(file, obj, allow_pickle=False))

    def load_input(self, context: InputContext) -> Any:
        import numpy as np

        return np.load(io.BytesIO(recorded(context)), allow_pickle=False)
