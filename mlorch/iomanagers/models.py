"""scikit-learn estimators ↔ .joblib files."""

from __future__ import annotations

import io
from typing import Any

from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.iomanagers.hashes import recorded


class JoblibIOManager(IOManager):
    """Keeps estimators and whatever else joblib can. Adds "estimator", the name of the class.

    Unpickling runs code, so joblib sees only bytes that have the recorded hash.
    """

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        import joblib

        context.add_output_metadata({"estimator": type(obj).__qualname__})
        return context.store.write(f"{context.path}.joblib", lambda file: joblib.dump(obj, file))

    def load_input(self, context: InputContext) -> Any:
        import joblib

        return joblib.load(io.BytesIO(recorded(context)))
