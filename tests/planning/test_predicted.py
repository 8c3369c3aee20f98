"""Plans beside what runs: calls, bytes by torch's own events and hooks, multiply-adds in closed form."""

import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers import ROOT, small
from torch import Tensor
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from hnas.compiler import Compilation
from hnas.engine.losses import cross_entropy
from hnas.ir.cost import part_of
from hnas.ir.decisions import Architecture
from hnas.planning.counting import Counting
from hnas.planning.kernels import KERNELS, NAMED
from hnas.planning.plan import Plan, predict, unallocated
from hnas.runtime.lower import Network
from hnas.runtime.supernet import SuperNet

EXAMPLES = ROOT / "examples"
SIDE = 97


def spaces(level: int) -> Compilation:
    """The reference, small, at a level."""
    return Compilation(
        EXAMPLES / "autodeeplab" / "spec.hnas",
        profile="demo",
        sets=("L=3", "B=2", "F=4", "trellis.strides=[4, 8, 16]"),
        passes=level,
    )


def planned(compilation: Compilation, side: int = SIDE, precision: str = "float32") -> Plan:
    with unallocated():
        model = compilation.supernet()
    return predict(model, part_of, image=(side, side), batch=2, precision=precision)


class Calls(TorchDispatchMode):
    """The names of all calls, nothing else: independent of how a plan counts."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func)
        return func(*args, **(kwargs or {}))

    def computing(self) -> int:
        """How many are no views and no memory left empty."""
        empty = ("empty", "new_empty", "_unsafe_view")
        return sum(
            not func._schema.name.removeprefix("aten::").startswith(empty)
            and not all(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
            for func in self.names
        )


def ran(model: SuperNet, images: Tensor) -> tuple[int, int]:
    """Calls of a pass that runs, forward and backward."""
    with Calls() as forward:
        total = torch.stack([model(images).sum()]).sum()
    with Calls() as backward:
        total.backward()
    return forward.computing(), backward.computing()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_calls_are_those_that_run(level: int) -> None:
    compilation = spaces(level)
    plan = planned(compilation, 33)
    model = compilation.supernet(0)
    images = torch.randn(2, 3, 33, 33)
    model(images).sum().backward()  # makes what is made once
    model.zero_grad()
    assert (plan.whole.forward_calls, plan.whole.backward_calls) == ran(model, images)


def events_of(model: SuperNet, images: Tensor) -> tuple[int, int]:
    """Bytes that torch's allocator gave out in a pass and had not got back, at most and in the end."""
    model(images).sum().backward()
    model.zero_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            model(images).sum().backward()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most, now


@pytest.mark.parametrize("level", [0, 2])
def test_peak_is_that_of_the_allocators_events(level: int) -> None:
    compilation = spaces(level)
    model = compilation.supernet(0)
    images = torch.randn(2, 3, SIDE, SIDE)
    most, left = events_of(model, images)
    plan = planned(compilation)
    assert plan.whole.peak_bytes == pytest.approx(most, rel=0.05)
    assert plan.gradient_bytes == pytest.approx(left, rel=0.05)


@pytest.mark.parametrize(("level", "precision"), [(0, "float32"), (2, "float32"), (0, "bfloat16")])
def test_kept_is_what_hooks_see_alive(level: int, precision: str) -> None:
    """Without recomputation torch's hooks see all that is kept; with it what stands behind recipes too."""
    compilation = spaces(level)
    if level == 2:
        compilation = Compilation(
            compilation.path, "demo", compilation.sets, passes=("prune", "share", "fold", "batch", "layout")
        )
    model = compilation.supernet(0)
    images = torch.randn(2, 3, SIDE, SIDE)
    own = {p.untyped_storage()._cdata for p in (*model.parameters(), images)}
    seen: dict[int, tuple[Any, int]] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            seen[storage._cdata] = weakref.ref(storage), storage.nbytes()
        return tensor

    with (
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        total = model(images).sum()
    kept = sum(size for reference, size in seen.values() if reference() is not None)
    assert total.requires_grad
    assert planned(compilation, precision=precision).whole.kept_bytes == pytest.approx(kept, rel=0.05)


def test_recomputation_keeps_less() -> None:
    kept = {level: planned(spaces(level)).whole.kept_bytes for level in (0, 2)}
    assert kept[2] < 0.7 * kept[0]


def test_parts_make_the_whole() -> None:
    plan = planned(small())
    assert list(plan.parts) == ["arch", "stem", "cells", "head", "loss"]
    parts = list(plan.parts.values())
    for name in ("parameters", "multiply_adds", "forward_calls", "backward_calls"):
        assert sum(getattr(part, name) for part in parts) == getattr(plan.whole, name)
    assert max(part.peak_bytes for part in parts) == plan.whole.peak_bytes
    assert all(plan.parts[name].backward_calls > 0 for name in ("arch", "stem", "cells", "head"))


def test_a_plan_can_be_made_again_and_grows_with_the_batch() -> None:
    with unallocated():
        model = small().supernet()
    first, again, twice = (predict(model, part_of, image=(33, 33), batch=n) for n in (2, 2, 4))
    assert again == first
    assert twice.whole.multiply_adds == 2 * first.whole.multiply_adds
    assert (twice.whole.forward_calls, twice.whole.backward_calls) == (
        first.whole.forward_calls,
        first.whole.backward_calls,
    )
    assert all(p.grad is None for p in model.parameters())


def test_multiply_adds_forward_are_those_of_the_graph() -> None:
    """At -O0 nothing is left out: the convolutions and linear layers of the graph, once each an image."""
    compilation = small()
    plan = planned(Compilation(compilation.path, "demo", compilation.sets, passes=0), 33)
    counted = compilation.cost(image=(33, 33)).multiply_adds
    assert counted is not None
    assert plan.whole.forward_multiply_adds == 2 * counted


def counted(work: Callable[[], Tensor]) -> tuple[int, int]:
    """Multiply-adds forward and backward."""
    with torch.device("meta"), Counting() as counting:
        counting.enter("all")
        total = work().sum()
        counting.turn()
        total.backward()
    return counting.forward["all"].multiply_adds, counting.backward["all"].multiply_adds


def map_of(channels: int, side: int, *, asked: bool = True) -> Tensor:
    return torch.empty(2, channels, side, side, device="meta", requires_grad=asked)


def weights_of(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta", requires_grad=True)


@pytest.mark.parametrize("asked", [True, False])
def test_a_convolution(asked: bool) -> None:
    """2 images, 6 channels to 8, 3 x 3 taps, 9 x 9 pixels to 5 x 5."""
    x, weight = map_of(6, 9, asked=asked), weights_of(8, 6, 3, 3)
    forward = 2 * 8 * 25 * 6 * 9
    assert counted(lambda: F.conv2d(x, weight, stride=2, padding=1)) == (forward, forward * (1 + asked))


def test_a_depthwise_convolution_counts_a_channel_alone() -> None:
    x, weight = map_of(6, 9), weights_of(6, 1, 5, 5)
    forward = 2 * 6 * 81 * 25
    work = lambda: F.conv2d(x, weight, padding=4, dilation=2, groups=6)  # noqa: E731
    assert counted(work) == (forward, 2 * forward)


def test_a_transposed_convolution_counts_what_comes_in() -> None:
    x, weight = map_of(6, 9), weights_of(6, 4, 3, 3)
    forward = 2 * 6 * 81 * 4 * 9
    work = lambda: F.conv_transpose2d(x, weight, stride=2, groups=2)  # noqa: E731
    assert counted(work) == (forward, 2 * forward)


def test_a_linear_layer() -> None:
    x, weight, bias = (torch.empty(s, device="meta", requires_grad=True) for s in ((7, 5), (3, 5), (3,)))
    assert counted(lambda: F.linear(x, weight, bias)) == (7 * 5 * 3, 2 * 7 * 5 * 3)


def test_products_of_matrices_of_a_wide_map() -> None:
    left, right = (torch.empty(s, device="meta", requires_grad=True) for s in ((4, 7, 5), (4, 5, 3)))
    assert counted(lambda: torch.bmm(left, right)) == (4 * 7 * 5 * 3, 2 * 4 * 7 * 5 * 3)


def test_own_kernels_give_the_shapes_and_layouts_that_torch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of a pass of each level, beside the call on real tensors."""
    checked: set[Any] = set()

    class Beside(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = func(*args, **(kwargs or {}))
            kernel = (NAMED if kwargs else KERNELS).get(func)
            if kernel is not None:
                predicted = kernel(args, kwargs) if kwargs else kernel(args)  # type: ignore[call-arg, arg-type]
                if predicted is not None:
                    checked.add(func)
                    real = found if isinstance(found, tuple) else (found,)
                    mine = predicted if isinstance(predicted, tuple) else (predicted,)
                    assert [_form(t) for t in mine] == [_form(t) for t in real], func
            return found

    images = torch.randn(2, 3, 33, 33)
    for level in (0, 2):
        compilation = Compilation(small().path, "demo", small().sets, passes=level)
        with Beside():
            scores = compilation.supernet(0)(images)
            cross_entropy(scores, torch.randint(compilation.space.classes, (2, 33, 33))).backward()
    # of other networks and tasks, or where no kernel in C computes
    not_here = {"flip", "nll_loss_forward", "nll_loss_backward", "mm", "bmm", "sub"}
    missing = {func for func in (*KERNELS, *NAMED) if func not in checked}
    assert {func._schema.name.removeprefix("aten::") for func in missing} <= not_here


def _form(tensor: Tensor | None) -> Any:
    if tensor is None or tensor.numel() == 0:
        return None
    strides = [s for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n > 1]
    return tuple(tensor.shape), strides, tensor.dtype


NETWORKS = (
    "unet/spec",
    "hrnet/spec",
    "nasnet/nasnet_a",
    "darts/v2",
    "darts/imagenet",
    "fbnet/a",
    "dpc/published",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_with_their_auxiliary_head(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas")
    architecture = next(iter(compilation.networks().values()), Architecture({}))
    with unallocated():
        network: Network = compilation.network(architecture)
    plan = predict(network, part_of, image=(224, 224), batch=2)
    assert plan.whole.parameters == sum(p.numel() for p in network.parameters())
    assert 0 < plan.whole.kept_bytes <= plan.whole.peak_bytes
    assert plan.whole.backward_calls > 0
