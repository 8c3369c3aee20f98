"""`hnas show NETWORK --latency`: measured on this machine. Needs torch."""

from collections.abc import Mapping

import click
import torch

from hnas.api.networks import network_block
from hnas.compiler import Compilation
from hnas.engine.kernels import Kernels, use_kernels
from hnas.engine.latency import Latency, Spread, measure_latency
from hnas.engine.settings import resolve_device
from hnas.ir.cost import part_of
from hnas.ir.decisions import Architecture


def latencies(
    compilation: Compilation,
    image: tuple[int, ...] | None,
    *,
    device: str | None = None,
    threads: int | None = None,
    kernels: Kernels | None = None,
    batch: int | None = None,
    repeats: int | None = None,
) -> Mapping[str, Latency]:
    """Every network of a file by name, or the only one of its space; new weights take as long as others.

    Raises:
        HnasError: The file has no network (E1004), there is no such device (E0702), or
            memory ran out (E0703).
        click.UsageError: Nothing says how large the images are.
    """
    networks = compilation.networks()
    if not networks and compilation.counts.architectures == 1:  # nothing is searched
        networks = {compilation.space.name: Architecture({})}
    if not networks:
        network_block(compilation.path)  # says that there is none
    if image is None:
        raise click.UsageError("nothing says how large the images are: give --size HxW")
    place = resolve_device(device or "auto")
    if threads is not None:
        torch.set_num_threads(threads)
    use_kernels(kernels or "auto")
    return {
        name: measure_latency(
            compilation.network(architecture),
            part_of,
            place,
            image=image,
            batch=batch or 1,
            repeats=repeats or 30,
        )
        for name, architecture in networks.items()
    }


def latency_text(name: str, found: Latency) -> str:
    """A row for the whole, one for each part, and what was measured how."""
    rows = [("latency", found.whole), *((f"  {part}", spread) for part, spread in found.parts.items())]
    width = max(len(label) for label, _ in rows)
    lines = [f"network {name}, measured: {_setting(found)}"]
    lines += [f"{label:<{width}}  {_spelled(spread)}" for label, spread in rows]
    lines.append(f"activations hold {found.activation_bytes / 2**20:,.1f} MiB at most")
    return "\n".join(lines)


def _setting(found: Latency) -> str:
    size = " x ".join(map(str, found.image))
    threads = f", {found.threads} thread{'s' if found.threads > 1 else ''}" if found.device == "cpu" else ""
    images = f"{found.batch} image{'s' if found.batch > 1 else ''} of {size}"
    return f"{found.device}{threads}, {images}, {found.repeats} passes after {found.warm_up}"


def _spelled(spread: Spread) -> str:
    return f"{spread.median:9.3f} ms, middle half {spread.lower:.3f} to {spread.upper:.3f}"
