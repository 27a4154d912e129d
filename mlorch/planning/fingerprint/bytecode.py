"""What a function without source says: its code object, without where it stands."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from hashlib import sha256
from types import CodeType

from mlorch.planning.fingerprint.syntax import Piece, Reference


def read_code(code: CodeType) -> Piece:
    """Read instructions, constants and names; docstrings, which nothing loads, are left out.

    Equal for equal code under one minor version of Python.
    """
    text: list[str] = []
    references: dict[Reference, None] = {}
    stack = [code]
    while stack:
        one = stack.pop()
        text.append(
            repr((one.co_name, one.co_argcount, one.co_posonlyargcount, one.co_kwonlyargcount, one.co_flags))
        )
        text.append(repr((one.co_varnames, one.co_cellvars, one.co_freevars, one.co_exceptiontable)))
        text += (f"{step.opname} {_argument(step)}" for step in dis.get_instructions(one))
        references.update((Reference(path), None) for path in _loads(one))
        stack += (constant for constant in one.co_consts if isinstance(constant, CodeType))
    return Piece(sha256("\n".join(text).encode("utf-8", "surrogatepass")).hexdigest(), tuple(references))


def _argument(step: dis.Instruction) -> str:
    if isinstance(step.argval, CodeType):
        return "code"
    if isinstance(step.argval, frozenset):
        return repr(sorted(map(repr, step.argval)))
    return repr(step.argval)


def _loads(code: CodeType) -> Iterator[tuple[str, ...]]:
    """Give each global that is loaded, with the attributes that are taken from it."""
    path: list[str] = []
    for step in dis.get_instructions(code):
        if path and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path.append(step.argval)
            continue
        if path:
            yield tuple(path)
        path = [step.argval] if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") else []
    if path:
        yield tuple(path)
