"""Graphs, on a stand-in for CUDA: what is recorded and when, that it gives the same, and what if it cannot."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from styleclip.runtime.cuda_graphs import (
    MAX_GRAPHS,
    WARM_UP_CALLS,
    Graphs,
    GraphWarning,
    Recorder,
    can_record,
    clear_all,
    make_graph,
)
from tests.helpers.fake_cuda_graph import Tape, tape

__all__ = ["tape"]  # a fixture
X, Y = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([0.5, 0.25, -1.0])


def work(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return (x * y).sin(), x.square() + y


def slopes(function: Callable[..., Any], x: Tensor, y: Tensor) -> list[Tensor]:
    """The results, and the gradients of their weighted sum."""
    leaves = [each.clone().requires_grad_() for each in (x, y)]
    results = function(*leaves)
    total = sum((i + 2) * result.sum() for i, result in enumerate(results))
    return [*(result.detach().clone() for result in results), *torch.autograd.grad(total, leaves)]


# --- one graph


def test_elsewhere_it_is_the_function_itself() -> None:
    assert make_graph(work, X, Y) is work


def test_it_gives_what_the_function_gives() -> None:
    x, y = (each.clone().requires_grad_() for each in (X, Y))
    graph = make_graph(work, x, y, record=Tape())
    assert graph is not work
    for one, other in ((X, Y), (Y, 4 * X), (X, Y)):
        for found, expected in zip(slopes(graph, one, other), slopes(work, one, other), strict=True):
            assert torch.equal(found, expected)


def test_results_are_for_good() -> None:
    """And the examples stay what they were: a graph has tensors of its own."""
    x, y = X.clone(), Y.clone()
    graph = make_graph(work, x, y, record=Tape())
    first = graph(X, Y)
    graph(5 * X, 5 * Y)
    for found, expected in zip(first, work(X, Y), strict=True):
        assert torch.equal(found, expected)
    assert torch.equal(x, X) and torch.equal(y, Y)


def test_one_tensor_is_one_tensor() -> None:
    graph = make_graph(torch.exp, X, record=Tape())
    assert torch.equal(graph(Y), Y.exp())


def cannot(function: Any, own: Any) -> Any:
    raise RuntimeError("operation not permitted when\nstream is capturing")


def deaf(function: Any, own: Any) -> Any:
    """Knows x as it was, like a function that goes by `x.item()`."""
    was = own[0].detach().clone()
    return lambda x, y: function(was + 0 * x, y)


def without_slope(function: Any, own: Any) -> Any:
    return lambda *given: tuple(0 * each + each.detach() for each in function(*given))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (cannot, "operation not permitted when stream is capturing"),
        (deaf, "its results differ from those of the function"),
        (without_slope, "its results differ from those of the function"),
    ],
)
def test_what_goes_wrong_is_done_without(record: Any, reason: str) -> None:
    x, y = (each.clone().requires_grad_() for each in (X, Y))
    with pytest.warns(GraphWarning, match=f"no CUDA graph could be made .{reason}.; the work goes on without"):
        assert make_graph(work, x, y, record=record) is work


def test_nan_is_no_agreement() -> None:
    with pytest.warns(GraphWarning, match="differ"):
        assert make_graph(torch.log, X, record=Tape()) is torch.log


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    there: Any = [SimpleNamespace(is_cuda=True)]
    assert can_record(there) and not can_record([*there, X])
    monkeypatch.setenv("STYLECLIP_GRAPHS", "0")
    assert not can_record(there)


@pytest.fixture
def cuda() -> Iterator[mock.Mock]:
    """What torch offers on CUDA, by its own signatures; nothing of it works."""
    names = ("device", "current_stream", "set_stream", "stream", "graph", "graph_pool_handle", "make_graphed_callables")
    with mock.patch.multiple("torch.cuda", **dict.fromkeys(names, mock.DEFAULT), autospec=True) as found:
        streams = [mock.MagicMock(name=f"stream {i}") for i in range(9)]
        with mock.patch("torch.cuda.Stream", side_effect=streams), mock.patch("torch.cuda.CUDAGraph") as graph:
            yield mock.Mock(**found, CUDAGraph=graph)


def test_torch_is_asked_for_one_memory(cuda: mock.Mock) -> None:
    """Of all graphs without a gradient: one pool on one stream. A replay comes after the new numbers."""
    recorder = Recorder()
    first, second = recorder(torch.exp, (X.clone(),)), recorder(torch.exp, (Y.clone(),))
    (_, pool, stream), (_, *others) = (call.args for call in cuda.graph.call_args_list)
    assert others == [pool, stream] and pool is cuda.graph_pool_handle.return_value
    assert torch.equal(first(Y), X.exp()), "these are the numbers of the recording, as nothing is played"
    assert cuda.CUDAGraph.return_value.replay.call_count == 1
    assert torch.equal(second(X), Y.exp())


def test_torch_records_gradients_itself(cuda: mock.Mock) -> None:
    own = (X.clone(), Y.clone().requires_grad_())
    assert Recorder()(work, own) is cuda.make_graphed_callables.return_value
    cuda.make_graphed_callables.assert_called_once_with(work, own)


def test_a_failure_leaves_the_stream_as_it_was(cuda: mock.Mock) -> None:
    cuda.make_graphed_callables.side_effect = RuntimeError("no")
    with pytest.raises(RuntimeError, match="no"):
        Recorder()(torch.exp, (X.clone().requires_grad_(),))
    cuda.set_stream.assert_called_once_with(cuda.current_stream.return_value)


# --- many graphs


def test_what_is_done_often_is_recorded(tape: type[Tape]) -> None:
    many = Graphs()
    for count in range(WARM_UP_CALLS + 5):
        assert torch.equal(many("exp", torch.exp, count * X), (count * X).exp())
    assert (tape.recorded, tape.played) == (1, 1 + 5)  # one replay is the trial


def test_other_shapes_and_gradients_are_other_many(tape: type[Tape]) -> None:
    """A gradient that is switched off is none."""
    many, leaf = Graphs(), X.clone().requires_grad_()
    for _ in range(WARM_UP_CALLS + 2):
        for name in ("sin", "cos"):
            many(name, getattr(torch, name), X)
        many("sin", torch.sin, X[:2])
        assert torch.equal(torch.autograd.grad(many("sin", torch.sin, leaf).sum(), leaf)[0], X.cos())
        with torch.no_grad():
            assert not many("sin", torch.sin, leaf).requires_grad
    assert tape.recorded == 4


def test_the_oldest_with_a_gradient_makes_room(tape: type[Tape]) -> None:
    """It holds all feature maps. Those without are kept."""
    many, shapes = Graphs(), range(1, MAX_GRAPHS[True] + 3)
    for shape in shapes:
        x = torch.ones(shape)
        for _ in range(WARM_UP_CALLS + 1):
            many("exp", torch.exp, x)
            many("exp", torch.exp, x.clone().requires_grad_())
    kept = [key.gradient for key in many._ready]
    assert kept.count(True) == MAX_GRAPHS[True] and kept.count(False) == len(shapes)
    assert [key.forms[0][0] for key in many._ready if key.gradient] == [
        (shape,) for shape in shapes[-MAX_GRAPHS[True] :]
    ]


def test_one_failure_is_enough(tape: type[Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "__call__", lambda self, function, own: cannot(function, own))
    many = Graphs()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2 * WARM_UP_CALLS):
            for x in (X, Y[:2]):
                assert torch.equal(many("exp", torch.exp, x), x.exp())
    assert [each.category for each in caught] == [GraphWarning]


def test_weights_that_move_are_followed(tape: type[Tape]) -> None:
    """A stand-in for memory that is read where it lay: this function has its own idea of the weights."""
    network = nn.Linear(3, 2).requires_grad_(False)
    many = Graphs(network)

    def often() -> Tensor:
        weight = network.weight.data
        return [many("linear", lambda x: x @ weight.T, X) for _ in range(WARM_UP_CALLS + 2)][-1]

    assert torch.equal(often(), X @ network.weight.T)
    network.weight.data = 2 * network.weight
    assert torch.equal(often(), X @ network.weight.T)


def test_they_can_be_forgotten(tape: type[Tape]) -> None:
    many = Graphs()
    for _ in range(WARM_UP_CALLS + 1):
        many("exp", torch.exp, X)
    held = weakref.ref(next(iter(many._ready.values())))
    clear_all()
    gc.collect()
    assert held() is None
    assert torch.equal(many("exp", torch.exp, X), X.exp()) and tape.recorded == 1
