"""What several tests share: the reference spec made small."""

from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture, DecisionTable, State
from hnas.ir.types import Stride
from hnas.schema.datasets import SHAPES, DatasetCard

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "examples" / "autodeeplab" / "spec.hnas"

SMALL = (
    "L=3",
    "B=2",
    "F=2",
    "trellis.strides=[4, 8, 16]",
    "data.crop=33",
    "search.batch=2",
    "search.validate.images=2",
)
"""On top of the profile demo: seconds instead of minutes."""


def small(*sets: str) -> Compilation:
    """The reference, small, on generated images."""
    return Compilation(SPEC, profile="demo", sets=(*SMALL, *sets))


def paths(table: DecisionTable) -> list[tuple[Stride, ...]]:
    """Every path, by walking the exits."""
    found: list[tuple[Stride, ...]] = []

    def walk(state: State, path: tuple[Stride, ...]) -> None:
        if len(path) == len(table.trellis.layers):
            found.append(path)
            return
        for way in table.trellis.exits[state]:
            walk(way.target, (*path, way.target.stride))

    walk(table.trellis.start, ())
    return found


def random_architecture(table: DecisionTable, path: tuple[Stride, ...], seed: int) -> Architecture:
    """An architecture with the given path and random picks of what its nodes can take."""
    rng = np.random.default_rng(seed)
    picks = dict(table.along(path))
    for decision in table.decisions:
        if decision.kind != "node":
            continue
        pairs = [(group.name, option) for group in decision.groups for option in group.options]
        match decision.take.how:
            case "slots":
                chosen = rng.integers(len(pairs), size=decision.take.count or 1)
                picks[decision.id] = tuple(pairs[i] for i in chosen)
            case "edges":
                groups = rng.choice(len(decision.groups), size=decision.take.count or 1, replace=False)
                chosen_groups = [decision.groups[i] for i in sorted(groups)]
                picks[decision.id] = tuple((g.name, g.options[-1]) for g in chosen_groups)
            case "all":
                picks[decision.id] = tuple((g.name, str(rng.choice(g.options))) for g in decision.groups)
    return Architecture(picks)


TINY = (
    "L=2",
    "B=1",
    "F=2",
    "trellis.strides=[4, 8]",
    "data.crop=33",
    "data.split=[0.05, 0.05]",
    "search.batch=2",
    "search.epochs=3",
    "search.arch.from_epoch=1",
    "search.validate.every=1",
    "search.validate.images=2",
)
"""A search of 18 steps, 6 an epoch, that takes seconds: for tests of everything around it."""


def tiny_flags(*more: str) -> list[str]:
    """The command line of `hnas search` for it."""
    sets = [flag for assignment in TINY for flag in ("--set", assignment)]
    return ["search", str(SPEC), "--profile", "demo", "--threads", "1", *sets, *more]


TRAINED = """\
hnas 1

space small {
  param C = 4
  op unit(k) = relu -> conv(k, bias = true)
  cell c {
    inputs = [prev]
    nodes  = 1
    op     = one_of { skip, unit(1), unit(3) }
    take   = edges(1)
  }
  stem = conv(3, C, stride = 4, bias = true)
  trellis {
    layers  = 1
    strides = [4]
    width   = C
    cell    = c
    project = skip
  }
  head = conv(1, classes, bias = true) -> resize(1)

  data DATA
  search { epochs = 1  batch = 2  weights = sgd(lr = 0.1)  arch = adam(lr = 3e-3) }
  decode { edges = strongest(1) }
  train {
    TRAIN
    data { split = none }
  }
}

network one of small {
  path = [4]
  cell c { n1 = unit(3)(prev) }
}
"""
"""A network that trains in a second, with no norm in it."""


def trained_spec(folder: Path, train: str, data: str = "shapes { crop = 33 }", more: str = "") -> Path:
    """The file of that network, with a block train and a block data, and more spaces below."""
    path = folder / "one.hnas"
    text = TRAINED.replace("TRAIN", train).replace("DATA", data) + more
    path.write_text(text, encoding="utf-8")
    return path


@frozen
class Given:
    """Images, uint8 (N, 3, H, W), with labels that are given."""

    images: Any
    labels: Any
    card: DatasetCard = SHAPES

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        return f"given/{index}"

    def read(self, index: int) -> tuple[Any, Any]:
        return self.images[index], self.labels[index]


def card_of(classes: int) -> DatasetCard:
    """The card of shapes, with so many of its classes."""
    return evolve(SHAPES, classes=SHAPES.classes[:classes], colours=SHAPES.colours[:classes])
