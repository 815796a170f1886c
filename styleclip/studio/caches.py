"""A cache that forgets what was used least recently, bounded in entries and bytes."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key, for several threads.

    Args:
        max_entries: the values that are kept at most.
        max_bytes: the sum of their sizes; the newest is kept whatever its size.
    """

    def __init__(self, max_entries: int, max_bytes: float = float("inf")) -> None:
        self.max_entries, self.max_bytes, self.total_bytes = max_entries, max_bytes, 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, which becomes the most recently used; None where there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Value, size: int = 0) -> None:
        """Keep a value of `size` bytes, in the place of an earlier one with this key."""
        with self._lock:
            self._drop(key)
            self._values[key] = (value, size)
            self.total_bytes += size
            while len(self._values) > 1 and (len(self._values) > self.max_entries or self.total_bytes > self.max_bytes):
                self._drop(next(iter(self._values)))

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key; where there is none, `make` gives it, and two threads may both call that."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found, bytes_of(found))
        return found

    def drop(self, key: Hashable) -> None:
        """Forget a key, where it is known."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        _, size = self._values.pop(key, (None, 0))
        self.total_bytes -= size


def bytes_of(value: Any) -> int:
    """The bytes of the tensors, networks and byte strings in a value: dataclasses, lists, tuples and dicts of them."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, nn.Module):
        return sum(map(bytes_of, value.state_dict().values()))
    if isinstance(value, list | tuple):
        return sum(map(bytes_of, value))
    if isinstance(value, dict):
        return sum(map(bytes_of, value.values()))
    if dataclasses.is_dataclass(value):
        return sum(bytes_of(getattr(value, each.name)) for each in dataclasses.fields(value))
    return 0
