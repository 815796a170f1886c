"""Read a pickle without running it: classes become inert objects, unknown names are refused.

The weight files of many projects are pickles. They name tensors, arrays, dicts, sets, objects whose attributes are
read, and standard values such as paths and dates. Nothing is imported; a name that is not in the tables raises
WeightError. A budget bounds the steps of the pickles in a file, and the bytes of its tensors and copies.
"""

from __future__ import annotations

import functools
import io
import pickle
import sys
from collections.abc import Callable
from typing import IO, Any, ClassVar

from styleclip.errors import WeightError
from styleclip.weights.safe_pickle.globals import GLOBALS, InertObject, check_key, inert_class
from styleclip.weights.safe_pickle.lazy_arrays import LazyArray
from styleclip.weights.safe_pickle.lazy_tensors import UNCOUNTED_BYTES, Storage, StorageView

MAX_SIZE_RATIO = 4  # of all tensors, which may share bytes, to the file
MAX_STEPS = 2**20  # reads of a few bytes each; an encoder with its optimizer state has 2**18
MAX_LINE = 1000  # bytes of a line; a global is two lines
REBUILD_TENSOR = (("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"))
LOADERS = pickle._Unpickler.dispatch  # opcode -> method
TOO_MANY_STEPS = "its pickle is longer than that of any weights; do not trust it"
REFUSED_OPCODES = set(
    pickle.INST + pickle.OBJ + pickle.EXT1 + pickle.EXT2 + pickle.EXT4 + pickle.PERSID + pickle.NEXT_BUFFER
)
HASHING_OPCODES = {  # opcodes that hash keys -> position of the keys on the stack
    pickle.SETITEM[0]: slice(-2, -1),
    pickle.SETITEMS[0]: slice(0, None, 2),
    pickle.DICT[0]: slice(0, None, 2),
    pickle.ADDITEMS[0]: slice(0, None),
    pickle.FROZENSET[0]: slice(0, None),
}


class ReadBudget:
    """The remaining steps and bytes for reading a file of this size."""

    def __init__(self, size: int) -> None:
        self.steps, self.nbytes = MAX_STEPS, MAX_SIZE_RATIO * size + UNCOUNTED_BYTES

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise WeightError(TOO_MANY_STEPS)

    def take(self, nbytes: int) -> None:
        self.nbytes -= nbytes
        if self.nbytes < 0:
            raise WeightError("its tensors are many times larger than the file; do not trust it")


Persistent = Callable[[Any], Any]  # persistent id of data elsewhere in the file -> its value


def read_pickle(
    file: IO[bytes],
    budget: ReadBudget,
    persistent: Persistent | None = None,
    nested: Callable[[bytes], Any] | None = None,
    torchscript: bool = False,
) -> Any:
    """The value of the pickle at the position of `file`.

    `nested` reads torch files that a pickle holds as bytes; `torchscript` allows the classes of an archive's own code,
    as InertObject. Raises WeightError for a name that is not in the tables and for a file beyond its budget; a damaged
    file may raise any exception.
    """
    return _InertUnpickler(_Source(file, budget), persistent, nested, torchscript).load()


class _Source:
    """A file that checks the lengths announced in a pickle against its size."""

    def __init__(self, file: IO[bytes], budget: ReadBudget) -> None:
        self.file, self.budget = file, budget
        here = file.tell()
        self.size = file.seek(0, io.SEEK_END)
        file.seek(here)

    def read(self, count: int) -> bytes:
        self.budget.steps -= 1  # `step` without its call: this runs for every opcode
        if self.budget.steps < 0:
            raise WeightError(TOO_MANY_STEPS)
        data = self.file.read(count if count < self.size else self.size)
        if len(data) < count:
            raise WeightError("it ends too early; download it again")
        return data

    def readline(self) -> bytes:
        self.budget.step()
        line = self.file.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise WeightError("a line in its pickle does not end; download it again")
        return line


def _check_keys_first(load: Callable[[Any], None], keys: slice) -> Callable[[Any], None]:
    def check_and_load(unpickler: Any) -> None:
        for key in unpickler.stack[keys]:
            check_key(key)
        load(unpickler)

    return check_and_load


class _InertUnpickler(pickle._Unpickler):  # the C unpickler allocates the announced length before reading
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code: LOADERS[code] for code in LOADERS.keys() - REFUSED_OPCODES
    }

    def __init__(
        self,
        source: _Source,
        persistent: Persistent | None,
        nested: Callable[[bytes], Any] | None,
        torchscript: bool,
    ) -> None:
        super().__init__(source, encoding="latin1")
        self.budget = source.budget
        self.persistent, self.nested, self.torchscript = persistent, nested, torchscript

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in GLOBALS:
            return GLOBALS[module, name]
        if (module, name) in REBUILD_TENSOR:
            return self.tensor
        if (module, name) == ("torch.storage", "_load_from_bytes") and self.nested:
            return self.storage
        of_archive = self.torchscript and module.split(".")[0] == "__torch__"
        if stand_in := InertObject if of_archive else inert_class(module, name):
            return functools.partial(stand_in, f"{module}.{name}")
        raise WeightError(f"it names {module}.{name}, which no weights need, so it was not opened; do not trust it")

    def persistent_load(self, pid: Any) -> Any:
        if self.persistent is None:
            raise WeightError("it refers to data outside of itself; pass the file as it was saved")
        return self.persistent(pid)

    def tensor(self, storage: Storage, offset: Any, shape: Any, stride: Any, *_: Any) -> StorageView:
        tensor = StorageView(storage, offset, shape, stride)
        self.budget.take(tensor.nbytes)
        return tensor

    def storage(self, data: bytes) -> Storage:
        storage = self.nested(data) if self.nested else None
        if not isinstance(storage, Storage):
            raise WeightError("it holds a torch file inside of a pickle that is no storage; do not trust it")
        return storage

    def load_reduce(self) -> None:
        arguments, make = self.stack.pop(), self.stack.pop()  # type: ignore[attr-defined]
        self.call(make, arguments)

    def load_newobj_ex(self) -> None:
        named, arguments, make = (self.stack.pop() for _ in range(3))  # type: ignore[attr-defined]
        self.call(make, arguments, **named)

    def call(self, make: Any, arguments: Any, **named: Any) -> None:
        made = make(*arguments, **named)
        self.charge(made, *arguments)
        self.stack.append(made)  # type: ignore[attr-defined]

    def load_build(self) -> None:
        state = self.stack.pop()  # type: ignore[attr-defined]
        self.stack[-1].set_state(state)  # type: ignore[attr-defined]
        self.charge(self.stack[-1])  # type: ignore[attr-defined]

    def charge(self, *values: Any) -> None:
        """Charge the budget for values of a call, and for the bytes of arrays, which may be shared."""
        for value in values:
            self.budget.take(sys.getsizeof(value) + (value.nbytes if isinstance(value, LazyArray) else 0))

    def load_bytearray8(self) -> None:
        self.load_binbytes8()  # type: ignore[attr-defined]
        self.stack[-1] = bytearray(self.stack[-1])  # type: ignore[attr-defined]

    def load_frame(self) -> None:
        self.read(8)  # type: ignore[attr-defined]  # the frame length is only a read-ahead hint

    dispatch |= {code: _check_keys_first(LOADERS[code], keys) for code, keys in HASHING_OPCODES.items()}
    dispatch |= {
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_reduce,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.FRAME[0]: load_frame,
    }
