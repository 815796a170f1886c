"""The CUDA kernels compiled by a C++ compiler from their own files, and their launches on CPU tensors."""

from __future__ import annotations

import ctypes
import math
import subprocess
from ctypes import byref, c_bool, c_double, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

RUNTIME = Path(__file__).parent
CSRC = RUNTIME.parents[2] / "cuda_ops" / "csrc"
NAMESPACE = "cuda_ops_on_cpu"  # of the operations, beside those of a library that is installed
TRAPS = ["-fsanitize=alignment,bounds,signed-integer-overflow,shift", "-fsanitize-undefined-trap-on-error"]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
COMMON = ["-fPIC", "-U_FORTIFY_SOURCE", f"-Dcuda_ops={NAMESPACE}", f"-I{RUNTIME}", f"-I{CSRC / 'cuda'}", f"-I{CSRC}"]

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]  # in the order of DType
ILLEGAL_ADDRESS = 700


def build_kernels(compiler: str, folder: Path) -> Path:
    """A library of the kernels and `entry.cpp`."""
    sources = [*sorted((CSRC / "cuda").glob("*.cu")), RUNTIME / "entry.cpp"]
    return build(compiler, folder / "kernels.so", sources, ["-std=c++17", "-O1", *WARNINGS, *TRAPS, *COMMON])


def build_kernels_once(compiler: str, folder: Path) -> Path:
    """The library of `build_kernels` in a folder that several processes share: one of them compiles it."""
    import fcntl  # Windows has none, nor these tests

    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "whole"
        if not made.exists():
            build_kernels(compiler, folder)
            made.touch()
    return folder / "kernels.so"


def build_operations(compiler: str, kernels: Path) -> Path:
    """A library of the schema and the bindings for CPU tensors, linked with these kernels.

    They are one source here, so that the headers of torch are read once.
    """
    bindings = kernels.with_name("bindings.cpp")
    sources = [CSRC / "schema.cpp", *sorted((CSRC / "cuda").glob("*.cpp"))]
    text = "".join(source.read_text() for source in sources)
    bindings.write_text(text.replace("TORCH_LIBRARY_IMPL(cuda_ops, CUDA,", "TORCH_LIBRARY_IMPL(cuda_ops, CPU,"))
    home = Path(torch.__file__).parent
    headers = [f"-isystem{home / 'include' / folder}" for folder in ("", "torch/csrc/api/include")]
    abi = f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"
    flags = ["-std=c++20", abi, *COMMON, *headers]
    parts = [str(kernels), f"-L{home / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10"]
    return build(compiler, kernels.with_name("operations.so"), [bindings], flags, *parts)


def build(compiler: str, library: Path, sources: list[Path], flags: list[str], *others: str) -> Path:
    """Compile these files in parallel and link them with others."""
    objects = [library.with_name(f"{source.stem}.o") for source in sources]
    jobs = [
        subprocess.Popen([compiler, *flags, "-x", "c++", "-c", source, "-o", made])
        for source, made in zip(sources, objects, strict=True)
    ]
    assert [job.wait() for job in jobs] == [0] * len(jobs)
    subprocess.run([compiler, "-shared", *objects, *others, "-o", library], check=True)
    return library


class CudaError(Exception):
    """A launch failed with this code."""


class Picture(ctypes.Structure):
    _fields_ = [*((name, c_int64) for name in ("samples", "channels", "height", "width")), ("channels_last", c_bool)]

    @classmethod
    def of(cls, x: Tensor) -> Picture:
        height, width = x.shape[2:] or (1, 1)
        return cls(*x.shape[:2], height, width, is_channels_last(x))


class BiasAct(ctypes.Structure):
    _fields_ = [
        *((name, c_void_p) for name in ("b", "scale", "noise")),
        ("noises", c_int64),
        *((name, c_double) for name in ("slope", "gain", "limit")),
    ]


class Fir(ctypes.Structure):
    _fields_ = [
        ("taps", c_void_p),
        *((name, c_int64) for name in ("count", "up", "down", "left", "top")),
        ("gain", c_double),
    ]


class Kernels:
    """The launches, with the arguments of `torch.ops.cuda_ops`; `act` is b, scale, noise, slope, gain, clamp."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.library.fence.argtypes, self.library.unfence.argtypes = [c_size_t], [c_void_p, c_size_t]
        self.library.fence.restype, self.library.run_bias_act_parts.restype = c_void_p, c_int64

    def bias_act(self, x: Tensor, *act: Any, spare: int = 0) -> Tensor:
        """`spare` values behind x misalign it for vectors of 16 bytes."""
        with Memory(self.library) as memory:
            y = memory.room(x)
            self.run("bias_act", x, Picture.of(x), memory.bias_act(*act), memory.put(x, spare), y)
            return memory.get(y, torch.empty_like(x))

    def bias_act_backward(self, grad: Tensor, x: Tensor, *act: Any) -> tuple[Tensor, Tensor]:
        sums = x.new_empty(2, *x.shape[:2])
        partial = sums.new_empty(self.parts(x), *sums.shape, dtype=computed_in(x))
        with Memory(self.library) as memory:
            results = memory.room(x), memory.room(partial), memory.room(sums)
            tensors = memory.put(grad), memory.put(x), *results
            self.run("bias_act_backward", x, Picture.of(x), memory.bias_act(*act), *tensors)
            return memory.get(results[0], torch.empty_like(x)), memory.get(results[2], sums)

    def parts(self, x: Tensor) -> int:
        """The number of parts of a plane in the backward pass."""
        return int(self.library.run_bias_act_parts(DTYPES.index(x.dtype), byref(Picture.of(x))))

    def upfirdn2d(self, x: Tensor, taps: Tensor, up: int, down: int, padding: tuple[int, ...], gain: float) -> Tensor:
        y = filtered(x, len(taps), up, down, padding)
        with Memory(self.library) as memory:
            fir, at = memory.fir(x, taps, up, down, padding, gain), memory.room(y)
            self.run("upfirdn2d", x, Picture.of(x), Picture.of(y), fir, memory.put(x), at)
            return memory.get(at, y)

    def blur_act(self, x: Tensor, taps: Tensor, act: tuple[Any, ...], padding: tuple[int, ...], gain: float) -> Tensor:
        y = filtered(x, len(taps), 1, 1, padding)
        with Memory(self.library) as memory:
            fir, at = memory.fir(x, taps, 1, 1, padding, gain), memory.room(y)
            self.run("blur_act", x, Picture.of(x), Picture.of(y), fir, memory.bias_act(*act), memory.put(x), at)
            return memory.get(at, y)

    def run(self, name: str, x: Tensor, *arguments: ctypes.Structure | int) -> None:
        passed = [byref(value) if isinstance(value, ctypes.Structure) else c_void_p(value) for value in arguments]
        if error := getattr(self.library, f"run_{name}")(DTYPES.index(x.dtype), *passed):
            raise CudaError(error)


class Memory:
    """Tensors in fenced memory until the end of a `with`. Bytes that were never written are NaN."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.fenced: list[tuple[int, int]] = []

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *error: object) -> None:
        for fenced in self.fenced:
            self.library.unfence(*fenced)

    def room(self, like: Tensor, spare: int = 0) -> int:
        size = (like.numel() + spare) * like.element_size()
        self.fenced.append((self.library.fence(size), size))
        return self.fenced[-1][0]

    def put(self, tensor: Tensor, spare: int = 0) -> int:
        at = self.room(tensor, spare)
        ctypes.memmove(at, tensor.data_ptr(), tensor.numel() * tensor.element_size())
        return at

    def get(self, at: int, tensor: Tensor) -> Tensor:
        ctypes.memmove(tensor.data_ptr(), at, tensor.numel() * tensor.element_size())
        return tensor

    def bias_act(self, b: Any, scale: Any, noise: Any, slope: float, gain: float, clamp: float | None) -> BiasAct:
        pointers = [None if tensor is None else self.put(tensor) for tensor in (b, scale, noise)]
        noises = 1 if noise is None else len(noise)
        return BiasAct(*pointers, noises, slope, gain, math.inf if clamp is None else clamp)

    def fir(self, x: Tensor, taps: Tensor, up: int, down: int, padding: tuple[int, ...], gain: float) -> Fir:
        return Fir(self.put(taps.to(computed_in(x))), len(taps), up, down, padding[0], padding[2], gain)


def computed_in(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype is torch.float64 else torch.float32


def is_channels_last(x: Tensor) -> bool:
    return x.ndim == 2 or x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def filtered(x: Tensor, taps: int, up: int, down: int, padding: tuple[int, ...]) -> Tensor:
    """An empty result of upfirdn2d, in the memory format of x."""
    left, right, top, bottom = padding
    height, width = x.shape[2] * up + top + bottom, x.shape[3] * up + left + right
    y = x.new_empty(*x.shape[:2], (height - taps) // down + 1, (width - taps) // down + 1)
    return y.to(memory_format=torch.channels_last) if is_channels_last(x) else y
