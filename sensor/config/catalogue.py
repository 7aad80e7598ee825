"""Every key of the configuration with its default, meaning and range, read from the classes themselves.

The meaning of a key is the docstring below its field, so the example file, the messages and the code
cannot come apart.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import inspect
import itertools
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
from pydantic import BaseModel

from sensor.config.model import Config

REQUIRED = dataclasses.MISSING
_WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or a section of keys."""

    path: tuple[str, ...]
    owner: type[Any]
    """The class whose field it is."""
    wanted: str
    """The type in words: ``a number``, ``text``, ``true or false``, ``a section``."""
    allowed: str
    """Range or choices in words, such as ``0 to 1``; empty when the type says it all."""
    default: Any
    """Value when the key is absent; REQUIRED when it must be given."""
    computed: bool
    """The default is worked out at the start; ``null`` in the file asks for it."""
    optional: bool
    """``null`` is a value of its own."""
    section: type[Any] | None
    """Class of a section's settings; None for a plain key."""

    @property
    def name(self) -> str:
        """The last part of the path, as it stands in the file."""
        return self.path[-1]

    @property
    def meaning(self) -> str:
        """The field's docstring in one line; a section without one takes that of its class.

        Read from the source when somebody asks: a valid file needs none, and it was a third of the time of
        loading one.
        """
        class_doc = " ".join((inspect.getdoc(self.section) or "").split()) if self.section else ""
        return _field_docs(self.owner).get(self.name) or class_doc  # type: ignore[arg-type]  # every class can be hashed


def catalogue(owner: type[Any] = Config) -> dict[tuple[str, ...], Key]:
    """All keys of a configuration by path, in the order of the classes, each section before its keys."""
    return {key.path: key for key in keys_of(owner)}


def keys_of(owner: type[Any], prefix: tuple[str, ...] = ()) -> Iterator[Key]:
    """The keys of a model or a dataclass below ``prefix``, sections first and then what is in them."""
    hints = get_type_hints(owner, include_extras=True)
    for name, default, computed in _defaults(owner):
        kind, metadata, optional = _unwrap(hints[name])
        section = kind if dataclasses.is_dataclass(kind) and isinstance(kind, type) else None
        yield Key(
            path=(*prefix, name),
            owner=owner,
            wanted="a section" if section else _wanted(kind),
            allowed=_allowed(kind, metadata),
            default=default,
            computed=computed,
            optional=optional,
            section=section,
        )
        if section is not None:
            yield from keys_of(section, (*prefix, name))


def _defaults(owner: type[Any]) -> Iterator[tuple[str, Any, bool]]:
    """Name, default and whether it is computed, of each field of a model or a dataclass."""
    if issubclass(owner, BaseModel):
        for name, info in owner.model_fields.items():
            if info.default_factory is not None:
                yield name, info.default_factory(), True  # type: ignore[call-arg]  # ours take no argument
            else:
                yield name, REQUIRED if info.is_required() else info.default, False
        return
    for item in dataclasses.fields(owner):
        if item.default_factory is not dataclasses.MISSING:
            yield item.name, item.default_factory(), True
        else:
            yield item.name, item.default, False


def _unwrap(hint: Any) -> tuple[Any, list[Any], bool]:  # noqa: ANN401  any type expression
    """The bare type, the metadata round it and whether None is allowed as well."""
    metadata: list[Any] = []
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            hint, *found = get_args(hint)
            metadata.extend(found)
        elif get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            rest = [item for item in get_args(hint) if item is not type(None)]
            optional = True
            hint = rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007  built at run time
        else:
            return hint, metadata, optional


def _wanted(kind: Any) -> str:  # noqa: ANN401  any type expression
    if kind in _WANTED:
        return _WANTED[kind]
    if get_origin(kind) in (tuple, list):
        inner, _, _ = _unwrap(get_args(kind)[0])
        return f"a list, each {_wanted(inner)}"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_wanted(_unwrap(item)[0]) for item in get_args(kind))
    return "one of the choices"


def _allowed(kind: Any, metadata: list[Any]) -> str:  # noqa: ANN401  any type expression
    if get_origin(kind) is Literal:
        return _or([str(item) for item in get_args(kind)])
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _or([str(item.value) for item in kind])
    if get_origin(kind) in (tuple, list):
        inner, inner_metadata, _ = _unwrap(get_args(kind)[0])
        each = _allowed(inner, inner_metadata)
        return f"each {each}" if each else ""
    things = "characters" if kind is str else "items"
    return ", ".join(text for item in metadata if (text := _range(item) or _length(item, things)))


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _range(item: Any) -> str:  # noqa: ANN401  any metadata
    """A bound in words; a strict one says ``above`` or ``below``."""
    low_ge, low_gt = getattr(item, "ge", None), getattr(item, "gt", None)
    high_le, high_lt = getattr(item, "le", None), getattr(item, "lt", None)
    if low_ge is not None and high_le is not None:
        return f"{_figure(low_ge)} to {_figure(high_le)}"
    parts = []
    if low_ge is not None:
        parts.append(f"at least {_figure(low_ge)}")
    if low_gt is not None:
        parts.append(f"above {_figure(low_gt)}")
    if high_le is not None:
        parts.append(f"at most {_figure(high_le)}")
    if high_lt is not None:
        parts.append(f"below {_figure(high_lt)}")
    return " and ".join(parts)


def _length(item: Any, things: str) -> str:  # noqa: ANN401  any metadata
    if not isinstance(item, annotated_types.Len | annotated_types.MinLen | annotated_types.MaxLen):
        return ""
    shortest, longest = getattr(item, "min_length", 0), getattr(item, "max_length", None)
    return f"{shortest} or more {things}" if longest is None else f"{shortest} to {longest} {things}"


def _figure(value: float) -> str:
    """A bound as people write it."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


@functools.cache
def _field_docs(owner: type[Any]) -> dict[str, str]:
    """The docstring below each annotated field of a class, its own or inherited, in one line each."""
    docs: dict[str, str] = {}
    for ancestor in reversed(owner.__mro__):
        if dataclasses.is_dataclass(ancestor) or (
            issubclass(ancestor, BaseModel) and ancestor is not BaseModel
        ):
            docs |= _own_field_docs(ancestor)
    return docs


def _own_field_docs(owner: type[Any]) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    docs: dict[str, str] = {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for statement, following in itertools.pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            docs[statement.target.id] = " ".join(following.value.value.split())
    return docs
