"""From flags to a plan: which network, of which images, and how the plan is told. Needs torch."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import walk_tb
from typing import final

import click
import torch
from attrs import frozen
from torch import Tensor

from hnas.cli.inspecting import extents
from hnas.cli.memory import spell_again, state_bytes, within
from hnas.cli.placing import placed
from hnas.compiler import Compilation
from hnas.diag import Diagnostic, HnasError
from hnas.engine.errors import PassFails
from hnas.engine.losses import cross_entropy
from hnas.engine.schedules import rate_at
from hnas.ir.cost import part_of
from hnas.ir.decisions import Architecture
from hnas.planning.plan import Figures, Plan, predict, unallocated
from hnas.planning.watching import Watch
from hnas.runtime.lower import Network
from hnas.runtime.steps import Extern
from hnas.runtime.supernet import SuperNet
from hnas.schema.settings import Gdas


@final
@frozen
class Asked:
    """What the command line says; None where it does not."""

    spec: Path
    profile: str | None
    sets: tuple[str, ...]
    space: str | None
    form: str | None
    name: str | None
    size: str | None
    batch: int | None
    precision: str | None
    passes: tuple[str, ...] | None
    allow_extern: bool
    memory: int | None


def planned(asked: Asked) -> tuple[str, Plan, Sequence[Diagnostic]]:
    """What is planned, the plan, and what is to be warned of.

    Raises:
        HnasError: The file is wrong, has no such network, images of this size do not pass (E0720), or
            training cannot keep to the memory asked for (E0725).
        click.UsageError: Nothing says how large the images are.
    """
    own = Compilation(
        asked.spec,
        asked.profile,
        asked.sets,
        asked.space,
        allow_extern=asked.allow_extern,
        passes=asked.passes,
    )
    if asked.form is None and asked.name is None and not own.spec.networks:
        compilation, architecture = own, None
        what = f"the super-network of {own.space.name}"
    else:
        compilation, architecture, name = placed(
            asked.spec,
            asked.form,
            asked.name,
            profile=asked.profile,
            sets=asked.sets,
            space=asked.space,
            allow_extern=asked.allow_extern,
            passes=asked.passes,
        )
        what = f"the network {name} of {compilation.space.name}, while it is trained"
    image = _image(compilation, asked)
    batch, precision = _settings(compilation, architecture)
    found = plan_of(
        compilation,
        architecture,
        image,
        asked.batch or batch,
        asked.precision or precision,
        asked.memory,
    )
    return what, found, compilation.warnings


def plan_of(
    compilation: Compilation,
    architecture: Architecture | None,
    image: tuple[int, ...],
    batch: int,
    precision: str,
    memory: int | None = None,
) -> Plan:
    """The plan of a pass, of a network as it is trained; without an architecture of the super-network.

    Args:
        compilation: The space.
        architecture: Of it.
        image: Pixels.
        batch: Images in a pass.
        precision: As of `predict`.
        memory: Bytes that training is to keep to; None: as many as it takes.

    Raises:
        HnasError: Images of this size do not pass (E0720), or training cannot keep to `memory` (E0725).
    """
    with unallocated():
        model = _super_network(compilation) if architecture is None else _trained(compilation, architecture)
        if precision == "float64":
            model.to(torch.float64)

    def predicted(image: tuple[int, ...], watch: Watch) -> Plan:
        loss = _loss(compilation, image, batch)
        return predict(model, part_of, image=image, batch=batch, precision=precision, loss=loss, watch=watch)

    try:
        state = state_bytes(compilation, model)
        return within(model, state, memory, lambda watch: predicted(image, watch))
    except RuntimeError as error:
        larger = tuple(max(4 * extent, _LARGE) for extent in image)
        # what larger images do not mend is no matter of size: it is a fault of ours
        if not _in_extern(error) and not _passes(lambda: predicted(larger, Watch())):
            raise
        raise HnasError(_fails(error, image)) from None


def _super_network(compilation: Compilation) -> SuperNet:
    model = compilation.supernet()
    if compilation.program.search is not None and isinstance(compilation.search.relax, Gdas):
        model.arch.tau = rate_at(compilation.search.relax.tau, 0.0)
    return model


def _trained(compilation: Compilation, architecture: Architecture) -> Network:
    settings = compilation.program.train
    drop_path = settings.drop_path if settings is not None else None
    model = compilation.network(architecture, drop_path=drop_path is not None)
    model.drop_path = rate_at(drop_path, 1.0) if drop_path is not None else 0.0
    return model


def _settings(compilation: Compilation, architecture: Architecture | None) -> tuple[int, str]:
    """Images in a batch and the precision, as the block of the spec has them."""
    if architecture is None:
        return compilation.search.batch if compilation.program.search is not None else 1, "float32"
    settings = compilation.program.train
    return (settings.batch, settings.precision) if settings is not None else (1, "float32")


_LARGE = 512
"""Pixels on a side that no space has too few of."""


def _passes(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except RuntimeError:
        return False
    return True


def _in_extern(error: BaseException) -> bool:
    """Whether it was raised in the class of an extern operator."""
    frames = walk_tb(error.__traceback__)
    return any(isinstance(frame.f_locals.get("self"), Extern) for frame, _ in frames)


def _fails(error: Exception, image: tuple[int, ...]) -> PassFails:
    """Where a pass stopped and why, as torch said it."""
    where = next(iter(getattr(error, "__notes__", ())), "in the loss").partition(" (")[0]
    why = str(error).strip().partition("\n")[0].rstrip(".")
    return PassFails(None, image=" x ".join(map(str, image)), place=where, why=why)


def _image(compilation: Compilation, asked: Asked) -> tuple[int, ...]:
    image = compilation.image if asked.size is None else extents(asked.size, compilation.space.dims)
    if image is None:
        raise click.UsageError("nothing says how large the images are: give --size HxW")
    return image


def _loss(
    compilation: Compilation, image: tuple[int, ...], batch: int
) -> Callable[[Sequence[Tensor]], Tensor]:
    """Cross entropy of the results with labels of the right shape."""
    shape = (batch,) if compilation.space.task == "classification" else (batch, *image)

    def loss(results: Sequence[Tensor]) -> Tensor:
        labels = torch.zeros(shape, dtype=torch.int64, device="meta")
        first, *others = (cross_entropy(each, labels) for each in results)
        for other in others:
            first = first + other
        return first

    return loss


_COLUMNS = ("parameters", "multiply-adds", "calls forward", "backward", "MiB kept", "MiB at most")


def plan_text(what: str, found: Plan, *, kept_to: bool = False) -> str:
    """A table: a row for each part, and one for all; `kept_to`: whether it keeps to some memory."""
    size = " x ".join(map(str, found.image))
    images = f"{found.batch} image{'s' if found.batch > 1 else ''} of {size}"
    passes = ", ".join(found.passes) or "none"
    rows = [("", *_COLUMNS), *((name, *_cells(part)) for name, part in found.parts.items())]
    rows.append(("all", *_cells(found.whole)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"{what}: a pass forward and backward, {images}, {found.precision}", f"passes  {passes}", ""]
    for row in rows:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join((first, *others)))
    named = {
        "weights": found.parameter_bytes,
        "running statistics": found.buffer_bytes,
        "optimiser's state": found.state_bytes,
    }
    besides = ", ".join(f"{name} {count / 2**20:,.1f} MiB" for name, count in named.items())
    lines += ["", f"besides: {besides}"]
    gradients, total = (f"{n / 2**20:,.1f} MiB" for n in (found.gradient_bytes, found.total_bytes))
    lines.append(f"gradients of the weights are {gradients} of what is alive at most")
    lines.append(f"in all training holds {total} at most")
    if kept_to:
        lines += ["", spell_again(len(found.recomputed), found.extra_work)]
        lines += textwrap.wrap(", ".join(found.recomputed), 100, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.parameters:,}",
        f"{figures.multiply_adds:,}",
        f"{figures.forward_calls:,}",
        f"{figures.backward_calls:,}",
        f"{figures.kept_bytes / 2**20:,.1f}",
        f"{figures.peak_bytes / 2**20:,.1f}",
    )
