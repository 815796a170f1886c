"""The editors: frozen settings with one verb, `method(models, latent, prompt, on_step) -> latent`.

METHODS lists them by name. Each is imported when it is used, so nothing here imports torch. The front door
(`styleclip.NAME`), `styleclip evaluate --editor` and the commands read this list; docs/extending.md adds one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.methods.base import Method


class MethodEntry(NamedTuple):
    """The module and the class of a method. One that is `trained` is made from a file, not from its settings alone."""

    module: str
    class_name: str
    trained: bool = False


METHODS = {
    "optimize": MethodEntry("styleclip.methods.optimize", "Optimize"),
    "mapper": MethodEntry("styleclip.methods.mapper", "LatentMapper", trained=True),
    "global-dir": MethodEntry("styleclip.methods.global_direction", "GlobalDirection"),
}


def settings_methods() -> list[str]:
    """The names of the methods that are made from their settings alone."""
    return [name for name, entry in METHODS.items() if not entry.trained]


def method_class(name: str) -> type[Any]:
    """The class of a method, imported now. Raises UsageError for a name that METHODS lacks."""
    if name not in METHODS:
        raise UsageError(f"there is no editor {name!r}; choose one of {', '.join(METHODS)}")
    entry = METHODS[name]
    found: type[Any] = getattr(import_module(entry.module), entry.class_name)
    return found


def make_method(name: str, **settings: Any) -> Method:
    """A method with these settings; those left out take their defaults."""
    method: Method = method_class(name)(**settings)
    return method
