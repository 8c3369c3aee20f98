"""The plan of a pass: the network itself is run forward and backward, on tensors without memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, final

import torch
from attrs import frozen
from torch import Tensor

from hnas.planning.casting import Casting
from hnas.planning.counting import Counting, Counts, Shaping
from hnas.planning.watching import Watch
from hnas.runtime import native, segments
from hnas.runtime.lower import Network
from hnas.runtime.steps import Step
from hnas.runtime.supernet import SuperNet

PRECISIONS: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
}
"""bfloat16 is by autocast, over weights in float32."""

Parts = Callable[[str], str]
Loss = Callable[[Sequence[Tensor]], Tensor]


@final
@frozen
class Figures:
    """What a pass, or a part of it, takes.

    Attributes:
        parameters: Numbers in its weights.
        multiply_adds: Of convolutions and products of matrices, forward and backward, of the whole batch.
        forward_multiply_adds: Those of forward.
        forward_calls, backward_calls: Of aten that compute: no views, no memory that is left empty.
        kept_bytes: Made forward, and alive when backward begins. Of a part: what it made.
        peak_bytes: The most that is alive at once of what the pass makes: maps, gradients, those of the
            weights among them, and what convolutions take for themselves. Of a part: while it runs.
    """

    parameters: int
    multiply_adds: int
    forward_multiply_adds: int
    forward_calls: int
    backward_calls: int
    kept_bytes: int
    peak_bytes: int

    def data(self) -> dict[str, int]:
        """As JSON has it."""
        return {
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "forward_multiply_adds": self.forward_multiply_adds,
            "forward_calls": self.forward_calls,
            "backward_calls": self.backward_calls,
            "kept_bytes": self.kept_bytes,
            "peak_bytes": self.peak_bytes,
        }


@final
@frozen
class Plan:
    """What one pass forward and backward takes, with the gradients of all parameters.

    Attributes:
        whole: Of all.
        parts: By part, in the order they come.
        image, batch, precision: Of what.
        passes: Of the compiler.
        parameter_bytes, buffer_bytes: Of weights and of running statistics, which are there before it.
        gradient_bytes: What it leaves: the gradients of the parameters.
        recomputed: The parts of the network that backward runs again, see `hnas.runtime.segments`.
        recomputed_multiply_adds: What that takes, of the multiply-adds of the whole.
        state_bytes: What is there besides from step to step, the optimiser's; whoever knows it puts it there.
    """

    whole: Figures
    parts: Mapping[str, Figures]
    image: tuple[int, ...]
    batch: int
    precision: str
    passes: tuple[str, ...]
    parameter_bytes: int
    buffer_bytes: int
    gradient_bytes: int
    recomputed: tuple[str, ...] = ()
    recomputed_multiply_adds: int = 0
    state_bytes: int = 0

    @property
    def extra_work(self) -> float:
        """What is computed again, as a part of the multiply-adds of the pass without."""
        return self.recomputed_multiply_adds / max(
            1, self.whole.multiply_adds - self.recomputed_multiply_adds
        )

    @property
    def resident_bytes(self) -> int:
        """What is there before the pass, and after it but for gradients."""
        return self.parameter_bytes + self.buffer_bytes + self.state_bytes

    @property
    def total_bytes(self) -> int:
        """The most that training has alive at once: what is there, and the pass at its peak."""
        return self.resident_bytes + self.whole.peak_bytes

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            **self.whole.data(),
            "parameter_bytes": self.parameter_bytes,
            "buffer_bytes": self.buffer_bytes,
            "gradient_bytes": self.gradient_bytes,
            "state_bytes": self.state_bytes,
            "total_bytes": self.total_bytes,
            "recomputed": list(self.recomputed),
            "recomputed_multiply_adds": self.recomputed_multiply_adds,
            "image": list(self.image),
            "batch": self.batch,
            "precision": self.precision,
            "passes": list(self.passes),
            "parts": {name: part.data() for name, part in self.parts.items()},
        }


@contextmanager
def unallocated() -> Iterator[None]:
    """While it is entered, a network is built on tensors without memory."""
    with Shaping(), torch.device("meta"):
        yield


def predict(
    model: SuperNet | Network,
    part_of: Parts,
    *,
    image: Sequence[int],
    batch: int = 1,
    precision: str = "float32",
    loss: Loss | None = None,
    watch: Watch | None = None,
) -> Plan:
    """What a pass of `model` will take; nothing is allocated. It may be called again and again.

    Args:
        model: Built `unallocated`; it is put into training mode and gets no gradients. A network's
            auxiliary head runs too, as it does in training.
        part_of: The part a step or a parameter belongs to, by its path.
        image: Pixels, an extent an axis.
        batch: Images in a pass.
        precision: One of `PRECISIONS`.
        loss: Of the results, that of the auxiliary head second; by default their sum, which costs next
            to nothing.
        watch: Takes note of what each segment makes and holds.
    """
    kind = torch.float64 if precision == "float64" else torch.float32
    network = model.network if isinstance(model, SuperNet) else model
    # each look through the tens of thousands of modules of a super-network is a tenth of a second
    named, buffers = dict(model.named_parameters()), list(model.buffers())
    if any(t.dtype != kind and t.is_floating_point() for t in (*named.values(), *buffers)):
        with Shaping():
            model.to(kind)
        named, buffers = dict(model.named_parameters()), list(model.buffers())
    if not (model.training and network.training):
        model.train()
    parameters = [p for p in named.values() if p.requires_grad]
    images = torch.empty((batch, 3, *image), dtype=kind, device="meta")
    counting, watch = Counting(), watch or Watch()
    casting = Casting() if precision == "bfloat16" else None
    observers = [watch.observer(counting), *([casting.told] if casting is not None else [])]
    native.OBSERVERS.append(counting.add)
    segments.OBSERVERS.extend(observers)
    try:
        with torch.device("meta"), counting:
            with casting.forward() if casting is not None else nullcontext():
                total = _forward(model, network, images, part_of, counting, loss)
            kept, by_part = counting.alive, {n: c.made for n, c in counting.forward.items()}
            counting.turn()
            watch.turn(counting)
            # a network without weights that anything can reach has nothing to do backward
            if total.requires_grad:
                total.backward()
        watch.end(counting)
        gradients = byte_count(p.grad for p in parameters if p.grad is not None)
    finally:
        native.OBSERVERS.remove(counting.add)
        for observer in observers:
            segments.OBSERVERS.remove(observer)
        for parameter in parameters:
            parameter.grad = None
    weights: dict[str, int] = {}
    for name, parameter in named.items():
        name = name.removeprefix("network.")
        part = ARCHITECTURE if name.startswith("arch.") and isinstance(model, SuperNet) else part_of(name)
        weights[part] = weights.get(part, 0) + parameter.numel()
    names = dict.fromkeys((*counting.forward, *counting.backward, *weights))
    parts = {
        name: _figures(
            weights.get(name, 0),
            [counting.forward.get(name, Counts())],
            [counting.backward.get(name, Counts())],
            by_part.get(name, 0),
        )
        for name in names
    }
    forward, backward = list(counting.forward.values()), list(counting.backward.values())
    return Plan(
        _figures(sum(weights.values()), forward, backward, kept),
        parts,
        tuple(image),
        batch,
        precision,
        network.passes,
        byte_count(named.values()),
        byte_count(buffers),
        gradients,
        network.segments,
        sum(each.multiply_adds for each in watch.held),
    )


ARCHITECTURE = "arch"
"""The part that alpha and beta are, and what makes weights of them."""


def _forward(
    model: SuperNet | Network,
    network: Network,
    images: Tensor,
    part_of: Parts,
    counting: Counting,
    loss: Loss | None,
) -> Tensor:
    weights = None
    if isinstance(model, SuperNet):
        counting.enter(ARCHITECTURE)
        weights = model.arch.training_weights()
    # a search has no auxiliary head in its passes
    alone = isinstance(model, SuperNet)
    steps = network.main_steps if alone else network.steps
    parts = [ARCHITECTURE if step.path == "factors" else part_of(step.path) for step in steps]
    following = iter(parts[1:])

    def after(step: Step, values: list[Any]) -> None:
        part = next(following, None)
        if part is not None and part != counting.part:
            counting.enter(part)

    counting.enter(parts[0] if parts else "loss")
    if alone:
        results = [network.watched(images, after, weights)]
    else:
        results = [each for each in network.watched_with_aux(images, after) if each is not None]
    counting.enter("loss")
    return loss(results) if loss is not None else torch.stack([each.sum() for each in results]).sum()


def _figures(parameters: int, forward: Sequence[Counts], backward: Sequence[Counts], kept: int) -> Figures:
    there, back = (sum(each.multiply_adds for each in counts) for counts in (forward, backward))
    return Figures(
        parameters,
        there + back,
        there,
        sum(each.calls for each in forward),
        sum(each.calls for each in backward),
        kept,
        max((each.peak for each in (*forward, *backward)), default=0),
    )


def byte_count(tensors: Iterable[Tensor]) -> int:
    """Of the memory tensors lie in, where they share it once."""
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())
