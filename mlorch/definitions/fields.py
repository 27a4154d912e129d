"""What configs and resources share: validated fields, some of which are known only when a run starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr, ValidationError, create_model
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, PydanticSerializationError

from mlorch.definitions.environment import EnvVar, Late
from mlorch.definitions.forms import models_in
from mlorch.errors import InvalidConfigError, nearest

_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")


class Fields(BaseModel):
    """Immutable, without unknown fields; an EnvVar may stand for any value until the run starts."""

    mlorch_absent: ClassVar[frozenset[str]] = frozenset()
    """Fields that `context.op_config` does not have unless they are given."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def __init__(self, **values: Any) -> None:
        if not late_names(type(self), values):
            super().__init__(**values)
            return
        try:
            made = made_late(type(self), values)
        except ValidationError as error:
            raise InvalidConfigError(explain(error, type(self).__name__, type(self))) from None
        for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(self, slot, getattr(made, slot))

    def resolved(self) -> Self:
        """Return a copy with the values of its environment variables, validated, or itself without any.

        Raises InvalidConfigError, naming the variable, where one is not set or does not fit its field.
        """
        found: Self = Resolving()(self)
        return found

    def given(self) -> dict[str, Any]:
        """Return the values that were given, without defaults."""
        return {name: one for name, one in values_of(self).items() if name in self.model_fields_set}

    def secrets(self) -> set[str]:
        """Return the texts in it that must be masked wherever text is kept: see `secrets_in`."""
        return secrets_in(self)

    def recorded(self) -> dict[str, Any]:
        """Return the fields as JSON, with secrets masked: the form that is hashed and recorded.

        Raises InvalidConfigError for a field whose value JSON can't hold.
        """
        try:
            dumped = self.model_dump(mode="json", by_alias=True, warnings=False)
        except PydanticSerializationError as error:
            raise InvalidConfigError(f"{type(self).__name__} can't be recorded as JSON: {error}") from None
        masked: dict[str, Any] = mask(_as_recorded(dumped, self))
        return masked


def values_of(fields: BaseModel) -> dict[str, Any]:
    """Return the values by name, those of unknown fields that a PermissiveConfig keeps among them."""
    names = (*type(fields).model_fields, *(fields.__pydantic_extra__ or ()))
    return {name: getattr(fields, name) for name in names}


class Resolving:
    """Puts values in the place of environment variables, at any depth, and gathers the secrets it meets.

    `known` has what takes the place of an object, by its id: each object is resolved once.
    """

    def __init__(self) -> None:
        self.known: dict[int, Any] = {}
        self.secrets: set[str] = set()

    def __call__(self, value: Any) -> Any:
        """Return the value as a run has it; itself where nothing in it is late. Raises InvalidConfigError."""
        if id(value) in self.known:
            return self.known[id(value)]
        if isinstance(value, Late | SecretStr | SecretBytes):
            self.secrets |= secrets_in(value)
            return value.resolve() if isinstance(value, Late) else value
        if isinstance(value, Fields):
            made = self.known[id(value)] = _resolved(value, self)
            return made
        if type(value) in (list, tuple, set, frozenset):
            found = [self(one) for one in value]
            return value if all(a is b for a, b in zip(found, value, strict=True)) else type(value)(found)
        if isinstance(value, dict):
            named = {name: self(one) for name, one in value.items()}
            return value if all(named[name] is value[name] for name in value) else named
        return value


def secrets_in(value: Any) -> set[str]:
    """Return the values from the environment, the passwords in their URLs, and what a SecretStr holds.

    Raises InvalidConfigError where an environment variable is not set.
    """
    if isinstance(value, EnvVar):
        text = value.text()
        return {text, *(password for _, password in _PASSWORD.findall(text))}
    if isinstance(value, SecretStr | SecretBytes):
        held = value.get_secret_value()
        return {held if isinstance(held, str) else held.decode(errors="replace")}
    parts: Iterable[Any] = ()
    if isinstance(value, Fields):
        parts = values_of(value).values()
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, list | tuple | Set):
        parts = value
    return set().union(*(secrets_in(one) for one in parts))


def explain(
    error: ValidationError, where: str, model: type[BaseModel] | None = None, *, hide_input: bool = False
) -> str:
    """Return one line a mistake: the field, what was given and what would be right."""
    found = error.errors()
    missing = [_dotted(one) for one in found if one["type"] == "missing"]
    lines = []
    if missing:
        what = "a value" if len(missing) == 1 else "values"
        lines.append(f"{where} needs {what} for {', '.join(repr(name) for name in missing)}")
    for one in found:
        if one["type"] == "extra_forbidden":
            known = _known_at(model, one["loc"]) if model is not None else []
            hint = nearest(str(one["loc"][-1]), known)
            names = ", ".join(known) or "none"
            lines.append(f"{where} has no field {_dotted(one)!r}{hint} (it has: {names})")
        elif one["type"] != "missing":
            given = "" if hide_input else f", not {mask(one['input'])!r}"
            field = f", field {_dotted(one)!r}" if one["loc"] else ""
            lines.append(f"{where}{field}: {one['msg']}{given}")
    return "\n".join(lines)


def mask(value: Any) -> Any:
    """Return JSON with the passwords in its URLs replaced by ***."""
    if isinstance(value, str):
        return _PASSWORD.sub(r"\1:***@", value)
    if isinstance(value, Mapping):
        return {name: mask(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [mask(one) for one in value]
    return value


def late_names(model: type[BaseModel], values: Mapping[str, Any]) -> list[str]:
    """Return the fields of which a value, or a part of it, is known only when the run starts.

    What stands within a nested model's own fields is that model's business.
    """
    return [name for name, value in values.items() if _is_late(value, model.model_fields.get(name))]


def _is_late(value: Any, field: Any) -> bool:
    if isinstance(value, Late):
        return True
    if not isinstance(value, list | tuple | set | frozenset | dict) or not value:
        return False
    if field is not None and any(models_in(field.annotation)):
        return False
    return any(_is_late(one, None) for one in (value.values() if isinstance(value, dict) else value))


def made_late(model: type[Any], values: Mapping[str, Any]) -> Any:
    """Return a model of which all is validated but what is late. Raises ValidationError."""
    late = late_names(model, values)
    known = {name: value for name, value in values.items() if name not in late}
    made = None
    try:
        made = model(**known)
    except ValidationError as error:
        wrong = [one for one in error.errors() if one["loc"] and not _is_excused(one, model, late)]
        _raise(model, wrong, late)
    else:
        _raise(model, [], late)
    given = {name: values[name] for name in late}
    for name, value in known.items():
        given[name] = getattr(made, name, value) if made is not None else _converted(model, name, value)
    return model.model_construct(**given)


def _is_excused(error: ErrorDetails, model: type[BaseModel], late: Sequence[str]) -> bool:
    """Tell that a field is missing only because its value is late."""
    aliases = {getattr(model.model_fields.get(name), "alias", None) for name in late}
    return error["type"] == "missing" and error["loc"][0] in {*late, *aliases}


def _raise(model: type[BaseModel], wrong: Sequence[ErrorDetails], late: Sequence[str]) -> None:
    """Raise the errors, and those of late values for fields that there are not, as one ValidationError."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(one["type"], _literal(one["msg"])), loc=one["loc"], input=one["input"]
        )
        for one in wrong
    ]
    aliases = {one.alias for one in model.model_fields.values()}
    if model.model_config.get("extra") != "allow":
        unknown = [name for name in late if name not in model.model_fields and name not in aliases]
        details += [InitErrorDetails(type="extra_forbidden", loc=(name,), input=None) for name in unknown]
    if details:
        raise ValidationError.from_exception_data(model.__name__, details)


def _literal(message: str) -> Any:
    return message.replace("{", "{{").replace("}", "}}")


def _converted(model: type[BaseModel], name: str, value: Any) -> Any:
    if name not in model.model_fields:
        return value
    try:
        return getattr(_holder(model, name)(value=value), "value", value)
    except ValidationError:
        # A validator of one's own may prepare it first; it runs when the run starts.
        return value


@cache
def _holder(model: type[BaseModel], name: str) -> type[BaseModel]:
    one = model.model_fields[name]
    config = ConfigDict(arbitrary_types_allowed=True, validate_by_name=True)
    return create_model("Holder", __config__=config, value=(one.annotation or Any, one))


def _resolved(value: Fields, resolving: Resolving) -> Fields:
    absent = type(value).mlorch_absent - value.model_fields_set
    values = {name: one for name, one in values_of(value).items() if name not in absent}
    given = {name: resolving(one) for name, one in values.items()}
    if all(given[name] is values[name] for name in given):
        return value
    kind = type(value)
    try:
        return kind(**given)
    except ValidationError as error:
        raise InvalidConfigError(explain(error, kind.__name__, kind, hide_input=True)) from None


def _dotted(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])


def _known_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields that there are where one is not known."""
    models = [model]
    for part in place[:-1]:
        inner = [one.model_fields[part] for one in models if part in one.model_fields]
        # A part may also number a list, or name a key of a dict or an arm of a union.
        models = [found for field in inner for found in models_in(field.annotation)] or models
    return list(dict.fromkeys(one.alias or name for m in models for name, one in m.model_fields.items()))


def _as_recorded(plain: Any, value: Any) -> Any:
    """Return the JSON of a value with variables by name, and what was a set sorted.

    A set has another order in each process.
    """
    if isinstance(value, EnvVar):
        return f"${str.__str__(value)}"
    if isinstance(value, BaseModel) and isinstance(plain, dict):
        names = {one.serialization_alias or name: name for name, one in type(value).model_fields.items()}
        return {n: _as_recorded(one, getattr(value, names.get(n) or n, None)) for n, one in plain.items()}
    if isinstance(value, Mapping) and isinstance(plain, dict):
        pairs = zip(plain.items(), value.values(), strict=False)
        return {name: _as_recorded(one, other) for (name, one), other in pairs}
    if isinstance(value, Set | list | tuple) and isinstance(plain, list):
        listed = [_as_recorded(one, other) for one, other in zip(plain, value, strict=False)]
        return sorted(listed, key=json.dumps) if isinstance(value, Set) else listed
    return plain
