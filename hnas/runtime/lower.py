"""lower: a program as a torch module, whose parameters are named by their path in the spec.

Every step of the program becomes one or a few records over numbered slots; a forward pass runs down
the list. Without passes (-O0) that is the network node by node and edge by edge, the reference.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn

from hnas.ir.program import Program
from hnas.runtime.holders import Holders
from hnas.runtime.lowering import Lowering
from hnas.runtime.primitives import Statistics
from hnas.runtime.recipes import Recording
from hnas.runtime.running import free_early, needed, run_steps
from hnas.runtime.segments import segmented
from hnas.runtime.steps import DROPPED, Extern, Step
from hnas.runtime.wide import WideStatistics
from hnas.runtime.widening import Widening


class Compiling(Protocol):
    """Passes in training that take another way than record by record: see `compiled`."""

    def fits(self, images: Tensor) -> bool:
        """Whether it takes these images."""
        ...

    def __call__(
        self, images: Tensor, weights: Mapping[str, Tensor] | None, dropped: Tensor | None, aux: bool
    ) -> tuple[Tensor, ...]:
        """The result, and with `aux` that of the auxiliary head."""
        ...


def lower(program: Program, *, allow_extern: bool = False) -> "Network":
    """The module that computes `program`; `allow_extern`: whether it may import extern operators' classes."""
    return Network(program, allow_extern=allow_extern)


@final
class Network(nn.Module):
    """A lowered program: images (N, 3, H, W) to the result of its main function, (N, classes, H, W).

    `weights` maps the id of every group a mix names to its (O,) tensor of weights; a network with
    its choices made needs none. `deciding` are the groups that have a say in the result: what stands
    behind `none` has not.

    Attributes:
        drop_path: The probability that an edge is left out while training, for each image by itself;
            the others are scaled by 1 / (1 - drop_path), which keeps their expectation.
        compiled: What makes passes in training, where they are compiled by torch.
    """

    def __init__(self, program: Program, *, allow_extern: bool = False) -> None:
        super().__init__()
        holders = Holders(program, self, allow_extern)
        self.edges, self.drop_path = program.edges, 0.0
        self.groups, self.deciding = program.groups, program.deciding
        self.passes, self.channels_last = program.passes, program.channels_last
        self.recomputes = "remat" in program.passes
        self.updates = True
        self.compiled: Compiling | None = None
        self.statistics: list[WideStatistics] = []
        if program.passes:
            widening = Widening(program, holders)
            self._records = widening.run()
            self.statistics = list(widening.statistics.values())
            slots = [widening.slots[ref[0]] for ref in program.results]
        else:
            self._records = Lowering(program, holders).run()
            slots = [ref[0] for ref in program.results]
        self.result, self.aux_result = slots[0], slots[1] if len(slots) > 1 else None
        self.segments: tuple[str, ...] = ()
        self.compute_again(program.segments)

    @property
    def regions(self) -> tuple[str, ...]:
        """Parts of the network that backward can run again; code of others it cannot."""
        theirs = {"", *(step.region for step in self._records if isinstance(step, Extern))}
        return tuple(dict.fromkeys(s.region for s in self._records if s.region not in theirs))

    def compute_again(self, regions: Iterable[str]) -> None:
        """From here on keep of `regions` only what goes in, and run them again in backward."""
        kept = (self.result,) if self.aux_result is None else (self.result, self.aux_result)
        self.segments = tuple(regions)
        self.steps = segmented(self._records, frozenset(self.segments), kept, self.recomputes)
        free_early(self.steps, kept)
        self._slots = 1 + max((step.out for step in self.steps), default=0)
        self.main_steps = self.steps if self.aux_result is None else needed(self.steps, self.result)

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]
        """Keep statistics that lie together together after a move to another device or type."""
        result = super()._apply(fn, recurse)
        for stats in self.statistics:
            stats.tie()
        return result

    def forward(
        self, images: Tensor, weights: Mapping[str, Tensor] | None = None, deadline: float | None = None
    ) -> Tensor:
        """The result; an auxiliary head's is computed by `with_aux` alone.

        Raises:
            TimeoutError: `deadline`, by time.monotonic, has passed.
        """
        compiled = self._compiled_for(images) if deadline is None else None
        if compiled is not None:
            return compiled(images, weights, self._dropped(images), False)[0]
        return self._run(self.main_steps, images, weights, deadline)[self.result]

    def watched(
        self,
        images: Tensor,
        after: Callable[[Step, list[Any]], None],
        weights: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """The result; `after` is called when a step is done, before the maps it used last are let go.

        It gets the step and the values of all slots, None where there is none.
        """
        return self._run(self.main_steps, images, weights, None, after)[self.result]

    def with_aux(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The result and that of the auxiliary head, None where the network has none."""
        compiled = self._compiled_for(images)
        if compiled is not None:
            result, *auxiliary = compiled(images, None, self._dropped(images), self.aux_result is not None)
            return result, auxiliary[0] if auxiliary else None
        values = self._run(self.steps, images, None, None)
        return values[self.result], values[self.aux_result] if self.aux_result is not None else None

    def watched_with_aux(
        self,
        images: Tensor,
        after: Callable[[Step, list[Any]], None],
    ) -> tuple[Tensor, Tensor | None]:
        """As `with_aux`; `after` is called as by `watched`."""
        values = self._run(self.steps, images, None, None, after)
        return values[self.result], values[self.aux_result] if self.aux_result is not None else None

    def _compiled_for(self, images: Tensor) -> "Compiling | None":
        """What makes the pass, if it is one of training that is compiled."""
        if self.compiled is None or not (self.training and torch.is_grad_enabled()):
            return None
        return self.compiled if self.compiled.fits(images) else None

    def traced(
        self, images: Tensor, weights: Mapping[str, Tensor], dropped: Tensor | None, *, aux: bool
    ) -> tuple[Tensor, ...]:
        """A pass in training for a tracer to follow: nothing is made again, no factors are drawn."""
        recomputes, self.recomputes = self.recomputes, False
        try:
            values = self._run(self.steps if aux else self.main_steps, images, weights, None, None, dropped)
        finally:
            self.recomputes = recomputes
        wanted = (self.result, self.aux_result) if aux else (self.result,)
        return tuple(values[slot] for slot in wanted if slot is not None)

    def _run(
        self,
        steps: list[Step],
        images: Tensor,
        weights: Mapping[str, Tensor] | None,
        deadline: float | None,
        after: Callable[[Step, list[Any]], None] | None = None,
        dropped: Tensor | None = None,
    ) -> list[Any]:
        """Run steps in order; a map is let go after its last use."""
        scalars = {group: (weights or {})[group].unbind(0) for group in self.groups}
        values: list[Any] = [None] * self._slots
        if self.channels_last and images.dim() == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        values[0] = images
        training = self.training
        dropped = self._dropped(images) if dropped is None else dropped
        if dropped is not None:
            scalars[DROPPED] = dropped.unbind(0)
        recording = None
        if self.recomputes and training and torch.is_grad_enabled():
            recording = Recording({0: images.detach()})
        run_steps(steps, values, scalars, training, recording=recording, deadline=deadline, after=after)
        return values

    def _dropped(self, images: Tensor) -> Tensor | None:
        """The factor of each edge and image (edges, N), where edges are left out.

        It is drawn on the processor, the same on every device.
        """
        if not (self.training and self.drop_path > 0 and self.edges):
            return None
        keep = 1 - self.drop_path
        kept = torch.empty(self.edges, len(images)).bernoulli_(keep).div_(keep)
        return kept.to(images.device, non_blocking=True)

    def update_statistics(self, updates: bool) -> None:
        """Whether a pass in training mode moves the running statistics of norms."""
        self.updates = updates
        for module in self.modules():
            if isinstance(module, Statistics):
                module.updates = updates

    def __repr__(self) -> str:
        parameters = sum(p.numel() for p in self.parameters())
        return f"Network({len(self.steps)} steps, {parameters:,} parameters)"
