"""The modules that hold a network's parameters and running statistics, made in the order of the program."""

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor, nn

from hnas.ir.program import Holder, Program
from hnas.runtime.extern import build_extern
from hnas.runtime.primitives import Affine, Statistics, Weighted, shapes_of
from hnas.runtime.tree import ModuleTree


@final
class Holders:
    """Modules by the path that steps know them by, put into `root` under their names in the spec."""

    def __init__(self, program: Program, root: nn.Module, allow_extern: bool) -> None:
        self.layers: dict[str, Weighted] = {}
        self.affines: dict[str, Affine] = {}
        self.statistics: dict[str, Statistics] = {}
        self.externs: dict[str, nn.Module] = {}
        tree = ModuleTree(root)
        self._innermost = program.channels_last
        self._fresh = _fresh(program)
        for holder in program.holders:
            self._make(holder, tree, program.dims, allow_extern)

    def _make(self, holder: Holder, tree: ModuleTree, dims: int, allow_extern: bool) -> None:
        match holder.kind:
            case "layer":
                shapes = shapes_of(holder.op, dict(holder.attrs), holder.given, dims)
                layer = self.layers[holder.path] = tree.place(holder.name, Weighted(shapes))
                if self._innermost and holder.op == "conv":
                    # or torch would turn them in every pass, as their maps lie that way
                    layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
            case "affine":
                self.affines[holder.path] = tree.place(holder.name, Affine(holder.given.channels))
            case "stats":
                self.statistics[holder.path] = tree.place(holder.name, Statistics(*next(self._fresh)))
            case "extern":
                assert holder.extern is not None
                attrs, channels = dict(holder.attrs), holder.given.channels
                module = build_extern(
                    holder.name, holder.extern, channels, attrs, holder.span, allowed=allow_extern
                )
                self.externs[holder.path] = tree.place(holder.path, module)


def _fresh(program: Program) -> Iterator[tuple[Tensor, Tensor]]:
    """Means of 0 and variances of 1, (C,) each, for every holder of statistics: parts of two tensors.

    A super-network has tens of thousands of them; made one by one they took as long as all its modules.
    """
    channels = [holder.given.channels for holder in program.holders if holder.kind == "stats"]
    whole = sum(channels)
    return zip(torch.zeros(whole).split(channels), torch.ones(whole).split(channels), strict=True)
