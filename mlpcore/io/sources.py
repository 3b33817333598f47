"""Source text of functions with all that they use of this library, made to run on NumPy alone."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from mlpcore.backend.dispatch import Primitive

#: A body asks its arrays for their library; here that is NumPy.
PLAIN = (
    (r"\n +xp = namespace\([^)]*\)", ""),
    (r"\bnamespace\([^)]*\)", "np"),
    (r"\bxp\.", "np."),
    (r"\.reference\b", ""),
    (r"\bArray\b", "np.ndarray"),
    (r"\bPrimitive\b", "Any"),
)
#: What these replacements leave nothing of.
GONE = {"namespace", "Array", "Primitive"}


class Sources:
    """Definitions in the order in which each uses only those before it.

    >>> from mlpcore.functions import tanh
    >>> sources = Sources()
    >>> sources.add(tanh)
    'tanh'
    >>> print(sources.text.splitlines()[0], "...", sources.text.splitlines()[-1].strip())
    def tanh(x: np.ndarray) -> np.ndarray: ... return np.tanh(x)
    """

    def __init__(self, *taken: str) -> None:
        """Start with the names that the file gives away by itself."""
        self._modules = {"numpy as np", "sys"}
        self._members = {"typing": {"Any"}}
        self._definitions: dict[str, str] = {}
        self._objects: dict[str, Any] = dict.fromkeys(taken)

    @property
    def imports(self) -> str:
        """What the definitions need at the file's head, the standard library first."""
        lines = [f"import {module}" for module in sorted(self._modules)]
        lines += [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self._members.items())
        ]
        groups = ([line for line in lines if ("numpy" in line) == late] for late in (False, True))
        return "\n\n".join("\n".join(group) for group in groups)

    @property
    def text(self) -> str:
        """The definitions, as a file holds them."""
        return "\n\n\n".join(self._definitions.values())

    def add(self, function: Callable[..., Any]) -> str:
        """Take a function or a primitive's body with all that it uses; its name."""
        body = function.reference if isinstance(function, Primitive) else function
        name = str(body.__name__)
        if self._is_new(name, body):
            module = inspect.getmodule(body)
            source = inspect.getsource(body)
            (tree,) = ast.parse(source).body
            self._add_used(tree, module)
            self._definitions[name] = _plain(_from_line(source, tree.lineno), module)
        return name

    def _add_used(self, tree: ast.AST, module: Any) -> None:
        decorators = {node for d in getattr(tree, "decorator_list", ()) for node in ast.walk(d)}
        names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in decorators]
        own = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        for name in names:
            if name.id not in own | GONE:
                self._add_name(name.id, module)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                origin = vars(module).get(node.value.id)
                if _is_of_the_library(origin):
                    self.add(getattr(origin, node.attr))

    def _add_name(self, name: str, module: Any) -> None:
        value = vars(module).get(name)
        if isinstance(value, ModuleType) and not _is_of_the_library(value):
            alias = "" if value.__name__ == name else f" as {name}"
            self._modules.add(f"{value.__name__}{alias}")
        elif isinstance(value, (Primitive, FunctionType)):
            self.add(value)
        elif name in vars(module) and not isinstance(value, ModuleType):
            self._add_other(name, value, module)

    def _add_other(self, name: str, value: Any, module: Any) -> None:
        """A name that a module imports, or assigns with a remark above it."""
        source = inspect.getsource(module)
        for node in ast.parse(source).body:
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
                self._members.setdefault(str(node.module), set()).add(name)
            elif _assigns(node, name) and self._is_new(name, value):
                self._add_used(node, module)
                lines = source.splitlines()[: node.end_lineno]
                first = node.lineno - 1
                while lines[first - 1].startswith("#:"):
                    first -= 1
                self._definitions[name] = _plain("\n".join(lines[first:]), module)

    def _is_new(self, name: str, value: Any) -> bool:
        """Whether a name is not there yet; two things of one name cannot share a file."""
        if name not in self._objects:
            self._objects[name] = value
            return True
        if self._objects[name] is not value:
            raise ValueError(f"got two different {name}, expected names that stand for one thing")
        return False


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _from_line(source: str, line: int) -> str:
    return "".join(source.splitlines(keepends=True)[line - 1 :]).rstrip()


def _is_of_the_library(value: Any) -> bool:
    return isinstance(value, ModuleType) and value.__name__.startswith("mlpcore.")


def _plain(source: str, module: Any) -> str:
    for alias in (name for name, value in vars(module).items() if _is_of_the_library(value)):
        source = re.sub(rf"\b{alias}\.(?=\w)", "", source)
    for pattern, replacement in PLAIN:
        source = re.sub(pattern, replacement, source)
    return source
