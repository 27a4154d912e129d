"""How far it is from the call of `materialize` to the user's first function.

Prints one JSON line: the modules that are entered on the way and the jumps between modules, counted with
`sys.setprofile` on a second call, when everything is imported. `all` counts the standard library too.
"""

from __future__ import annotations

import itertools
import json
import sys
from types import FrameType
from typing import Any

from mlorch import asset, materialize

entered: list[str] = []


@asset(code_version="1")
def number() -> int:
    sys.setprofile(None)
    return 1


def _note(frame: FrameType, event: str, _: Any) -> None:
    if event == "call":
        entered.append(frame.f_globals.get("__name__", "?"))


def _count(modules: list[str]) -> dict[str, int]:
    jumps = sum(one != other for one, other in itertools.pairwise(modules))
    return {"modules": len(set(modules)), "jumps": jumps}


materialize([number])
sys.setprofile(_note)
materialize([number])
ours = [name for name in entered if name.startswith("mlorch")]
print(json.dumps({"mlorch": _count(ours), "all": _count(entered), "names": sorted(set(entered))}))
