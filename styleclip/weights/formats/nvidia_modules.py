"""The modules in NVIDIA's PyTorch pickles: walking them, their attributes, their classes and their tensors.

A module is an inert object with its class name, its attributes and its source code, which is never run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from styleclip.errors import WeightError
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.safe_pickle.globals import InertObject

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
MAX_MODULES, MAX_TENSORS = 1000, 10_000  # of a network; a generator of 1024 px has 73 and 200
MAX_PATH_CHARS = 1000  # of a dotted path
STYLEGAN_XL = "it is a StyleGAN-XL, another architecture; pass a StyleGAN2 or a StyleGAN3"
XL_CLASSES = {"SuperresGenerator", "SuperresSynthesisNetwork"}


class Module(NamedTuple):
    """A module in a file: its dotted path, the name of its class and its attributes."""

    path: str
    kind: str
    state: Mapping[str, Any]


def networks(tree: FileTree) -> dict[str, InertObject]:
    """The networks of a pickle by their keys; a lone generator is called `G_ema`, a lone discriminator `D`."""
    if _is_module(tree.value):
        kind = tree.value.arguments[0]["class_name"]
        return {"D" if kind == "Discriminator" else "G_ema": tree.value}
    return {str(name): value for name, value in tree.table().items() if _is_module(value)}


def modules_of(network: InertObject) -> list[Module]:
    """The network and all its submodules, in the order of its state dict."""
    found = []
    for module in _walk(network, ""):
        found.append(module)
        if len(found) > MAX_MODULES:
            raise WeightError(f"a network in it has more than {MAX_MODULES} modules; do not trust it")
        if len(module.path) > MAX_PATH_CHARS:
            raise WeightError(f"a module in it has a name of more than {MAX_PATH_CHARS} characters; do not trust it")
    return found


def attribute(modules: list[Module], path: str, name: str) -> Any:
    """An attribute of the module with this path; None where there is no such module or attribute."""
    return next((module.state.get(name) for module in modules if module.path == path), None)


def parameter_shape(modules: list[Module], path: str, name: str) -> tuple[int, ...]:
    """The shape of a parameter of the module with this path; () where there is none."""
    parameters = attribute(modules, path, "_parameters") or {}
    return tuple(getattr(parameters.get(name), "shape", ()))


def check_classes(modules: list[Module], known: Collection[str], architecture: str = "StyleGAN2") -> None:
    """Raise WeightError where a module is of a class that this architecture does not have."""
    if any(module.kind in XL_CLASSES for module in modules):
        raise WeightError(STYLEGAN_XL)
    for module in modules:
        if module.kind not in known:
            where = module.path or "network"
            raise WeightError(f"its {where} is of the class {module.kind}; pass an unchanged {architecture}")


def stored_tensors(modules: list[Module]) -> dict[str, Any]:
    """Parameters and persistent buffers by their dotted names, in the order of the state dict."""
    stored: dict[str, Any] = {}
    for path, _, state in modules:
        kept = {**state["_parameters"], **state["_buffers"]}
        hidden = state.get("_non_persistent_buffers_set", set())
        if len(stored) + len(kept) > MAX_TENSORS or not isinstance(hidden, set):
            raise WeightError(f"a network in it has more than {MAX_TENSORS} tensors, or hides them; do not trust it")
        stored |= {f"{path}.{name}".lstrip("."): t for name, t in kept.items() if t is not None and name not in hidden}
    return stored


def _is_module(value: Any) -> bool:
    return isinstance(value, InertObject) and value.name == PERSISTENT


def _walk(value: Any, path: str) -> Iterator[Module]:
    module = Module(path, *_class_and_state(value))
    yield module
    for name, child in module.state.get("_modules", {}).items():
        if child is not None:
            yield from _walk(child, f"{path}.{name}".lstrip("."))


def _class_and_state(value: Any) -> tuple[str, Mapping[str, Any]]:
    """The class name and the attributes of a module; the type name and {} for any other value."""
    if _is_module(value):
        return short_repr(value.arguments[0]["class_name"]), value.arguments[0]["state"]
    return (value.name, value.state) if isinstance(value, InertObject) else (type(value).__name__, {})
