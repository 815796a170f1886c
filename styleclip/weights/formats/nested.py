"""State dicts inside of other dicts, and under names with a common prefix."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from styleclip.weights.formats.content import FileTree

MAX_DEPTH = 3  # dicts around the tensors, e.g. {"state_dict": {"generator": {...}}}
MAX_TABLES = 100  # dicts that are looked at
PLAIN_VALUES = (bool, int, float, str, bytes, type(None))
MOVING_AVERAGE = "ema"  # in the name of the moving average of a network, which is the better of two


class StateDict(NamedTuple):
    """A state dict without its prefix, the keys of the dicts around it, and the dict that it lies in."""

    tensors: Mapping[str, Any]
    keys: tuple[str, ...]
    parent: Mapping[str, Any]

    @property
    def is_moving_average(self) -> bool:
        return any(MOVING_AVERAGE in key.lower() for key in self.keys)


def find_state_dicts(
    tree: FileTree, is_network: Callable[[Collection[str]], bool], mark: str, first: Collection[str] = ()
) -> list[StateDict]:
    """All state dicts of a kind of network in a file, moving averages first, then those of the keys `first`.

    `is_network` recognises the names of one without a prefix; behind a prefix such as `module.` or `generator.` it has
    a tensor called `mark`.
    """
    found: list[StateDict] = []
    for number, (keys, table, parent) in enumerate(_tables(tree.value, (), {})):
        if number >= MAX_TABLES:
            break
        if is_network(table):
            found.append(StateDict(table, keys, parent))
            continue
        for prefix in _prefixes(table, mark):
            named = {name.removeprefix(prefix): value for name, value in table.items() if name.startswith(prefix)}
            found.append(StateDict(named, (*keys, *prefix.rstrip(".").split(".")), table))
    order = {key: place for place, key in enumerate(first)}
    return sorted(
        found, key=lambda each: (not each.is_moving_average, min([order.get(key, 99) for key in each.keys], default=0))
    )


def without_plain_values(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table without the numbers and texts that lie beside its tensors, e.g. the step of a training."""
    return {name: value for name, value in table.items() if not isinstance(value, PLAIN_VALUES)}


def _tables(value: Any, keys: tuple[str, ...], parent: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """The dicts with text as keys in a value: their keys, themselves, and the dicts around them."""
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        yield keys, value, parent
        for name, inner in value.items():
            if len(keys) < MAX_DEPTH and isinstance(inner, Mapping):
                yield from _tables(inner, (*keys, name), value)


def _prefixes(names: Collection[str], mark: str) -> list[str]:
    return [name.removesuffix(mark) for name in names if name.endswith(f".{mark}")]
