"""CUDA graphs: functions called repeatedly on tensors of the same shapes are recorded once and replayed in one launch.

A recorded function must not depend on values: no copy from or to the CPU, no `.item()`, no index that is a list or a
mask, and one backward pass after each forward pass. `STYLECLIP_GRAPHS=0` disables graphs.
"""

from __future__ import annotations

import gc
import os
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

Function = Callable[..., Any]  # of tensors, to one tensor or a tuple of them
Record = Callable[[Function, tuple[Tensor, ...]], Function]

WARM_UP_CALLS = 8  # before recording, which takes as long as about six calls
MAX_GRAPHS = {False: 64, True: 2}  # without and with a gradient; only the former share their memory
TOLERANCE = 0.05  # relative error of a result: more than rounding, less than the effect of an input


class GraphWarning(UserWarning):
    """A function could not be recorded; it runs without a graph."""


def make_graph(function: Function, *examples: Tensor, record: Record | None = None) -> Function:
    """`function` as a graph for tensors with the shapes, types and gradients of `examples`.

    Only these tensors get gradients, and results are copies. Returns `function` itself on other devices than CUDA, and,
    after a GraphWarning, where recording fails or the graph gives other results.
    """
    if record is None and not can_record(examples):
        return function
    try:
        expected = _results_and_gradients(function, examples)
        graph = _clone_results((record or Recorder())(function, tuple(_clone_input(example) for example in examples)))
        if _all_close(_results_and_gradients(graph, examples), expected):
            return graph
        reason = "its results differ from those of the function"
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
    warnings.warn(f"no CUDA graph could be made ({reason}); the work goes on without", GraphWarning, stacklevel=2)
    return function


def can_record(tensors: Sequence[Tensor]) -> bool:
    """Whether all tensors are on a GPU and STYLECLIP_GRAPHS allows graphs."""
    return all(tensor.is_cuda for tensor in tensors) and os.environ.get("STYLECLIP_GRAPHS", "1") != "0"


class Graphs:
    """A cache of graphs: functions that are called often are recorded and replayed.

    Graphs read the weights of `networks` at fixed addresses, so all are dropped when a weight has another address. A
    lock serialises threads; graphs with a gradient are for a single thread.
    """

    def __init__(self, *networks: nn.Module) -> None:
        self.networks = networks
        self._lock = threading.RLock()
        self._enabled = True
        self._weight_addresses: list[int] = []
        self.clear()
        _all_graphs.add(self)

    def __call__(self, name: Hashable, function: Function, *tensors: Tensor) -> Any:
        """`function(*tensors)`. All calls with one `name` must compute the same function of the tensors."""
        if self._enabled and can_record(tensors):
            with self._lock:
                if graph := self._graph(_Key.of(name, tensors), function, tensors):
                    return graph(*tensors)
        return function(*tensors)

    def clear(self) -> None:
        """Drop all graphs, to free their memory."""
        with self._lock:
            self._calls: Counter[_Key] = Counter()
            self._ready: dict[_Key, Function] = {}
            self._recorder = Recorder()

    def _graph(self, key: _Key, function: Function, tensors: tuple[Tensor, ...]) -> Function | None:
        addresses = [weight.data_ptr() for network in self.networks for weight in network.parameters()]
        if addresses != self._weight_addresses:
            self.clear()
            self._weight_addresses = addresses
        self._calls[key] += 1
        if key not in self._ready and self._calls[key] > WARM_UP_CALLS:
            self._record(key, function, tensors)
        return self._ready.get(key)

    def _record(self, key: _Key, function: Function, tensors: tuple[Tensor, ...]) -> None:
        """Record a graph, in place of the oldest where there are too many; after a failure recording is disabled."""
        same_kind = [other for other in self._ready if other.gradient == key.gradient]
        if len(same_kind) >= MAX_GRAPHS[key.gradient]:
            del self._ready[same_kind[0]]
            gc.collect()  # torch keeps graphs in reference cycles
        graph = make_graph(function, *tensors, record=self._recorder)
        self._enabled = graph is not function
        if self._enabled:
            self._ready[key] = graph


class _Key(NamedTuple):
    name: Hashable
    forms: tuple[Hashable, ...]
    gradient: bool

    @staticmethod
    def of(name: Hashable, tensors: Sequence[Tensor]) -> _Key:
        forms = ((each.shape, each.dtype, each.device, _has_gradient(each)) for each in tensors)
        return _Key(name, tuple(forms), any(_has_gradient(each) for each in tensors))


_all_graphs: weakref.WeakSet[Graphs] = weakref.WeakSet()


def clear_all() -> None:
    """Drop every graph of this process, to free its memory."""
    for graphs in list(_all_graphs):
        graphs.clear()


class Recorder:
    """Records CUDA graphs with torch. A graph reads its static `inputs`, and overwrites its results on each replay.

    Graphs without a gradient share memory, so results have to be copied before another graph is replayed.
    """

    def __init__(self) -> None:
        self.stream: torch.cuda.Stream | None = None
        self.pool: Any = None

    def __call__(self, function: Function, inputs: tuple[Tensor, ...]) -> Function:
        """The graph of `function`; raises RuntimeError for work that cannot be recorded."""
        with torch.cuda.device(inputs[0].device):
            before = torch.cuda.current_stream()
            try:
                if any(tensor.requires_grad for tensor in inputs):
                    return torch.cuda.make_graphed_callables(function, inputs)
                return self._forward(function, inputs)
            finally:
                torch.cuda.set_stream(before)  # on failure torch does not restore the stream

    @torch.no_grad()
    def _forward(self, function: Function, inputs: tuple[Tensor, ...]) -> Function:
        """Like torch.cuda.make_graphed_callables, but on one stream, as memory can only be shared within a stream."""
        self.stream, self.pool = self.stream or torch.cuda.Stream(), self.pool or torch.cuda.graph_pool_handle()
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            function(*inputs)  # the set-up of libraries at their first use on a stream cannot be recorded
        torch.cuda.current_stream().wait_stream(self.stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            results = function(*inputs)

        def replay(*tensors: Tensor) -> Any:
            for static, given in zip(inputs, tensors, strict=True):
                static.copy_(given)
            graph.replay()
            return results

        return replay


def _clone_results(graph: Function) -> Function:
    def call(*tensors: Tensor) -> Any:
        results = graph(*tensors)
        return results.clone() if isinstance(results, Tensor) else tuple(result.clone() for result in results)

    return call


def _clone_input(example: Tensor) -> Tensor:
    return example.detach().clone().requires_grad_(_has_gradient(example))


def _has_gradient(tensor: Tensor) -> bool:
    return tensor.requires_grad and torch.is_grad_enabled()


def _results_and_gradients(function: Function, examples: Sequence[Tensor]) -> list[Tensor]:
    """Results and gradients of `function` at half the `examples`, so other values than those recorded with."""
    halves = [(0.5 * each.detach()).requires_grad_(_has_gradient(each)) for each in examples]
    found = function(*halves)
    results = [found] if isinstance(found, Tensor) else list(found)
    learning = [half for half in halves if half.requires_grad]
    total = torch.stack([result.sum() for result in results]).sum()
    return [*results, *(torch.autograd.grad(total, learning) if learning else ())]


def _all_close(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Whether all pairs of tensors agree within TOLERANCE; NaN never does."""
    pairs = zip(some, others, strict=True)
    return all(bool((one - other).norm() <= TOLERANCE * other.norm()) for one, other in pairs)
