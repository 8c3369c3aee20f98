"""The modules that hold a network's parameters and running statistics, made in the order of the program."""

from typing import final

from torch import nn

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
        for holder in program.holders:
            self._make(holder, tree, program.dims, allow_extern)

    def _make(self, holder: Holder, tree: ModuleTree, dims: int, allow_extern: bool) -> None:
        match holder.kind:
            case "layer":
                shapes = shapes_of(holder.op, dict(holder.attrs), holder.given, dims)
                self.layers[holder.path] = tree.place(holder.name, Weighted(shapes))
            case "affine":
                self.affines[holder.path] = tree.place(holder.name, Affine(holder.given.channels))
            case "stats":
                self.statistics[holder.path] = tree.place(holder.name, Statistics(holder.given.channels))
            case "extern":
                assert holder.extern is not None
                attrs, channels = dict(holder.attrs), holder.given.channels
                module = build_extern(
                    holder.name, holder.extern, channels, attrs, holder.span, allowed=allow_extern
                )
                self.externs[holder.path] = tree.place(holder.path, module)
