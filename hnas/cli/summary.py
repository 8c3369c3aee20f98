"""What `hnas show` says of a spec and of the networks in a file. Needs no torch."""

from collections.abc import Mapping
from typing import Any

from hnas.cli.draw import draw_network, draw_shape, draw_trellis
from hnas.cli.sizes import graph_sizes, sizes_text, space_sizes
from hnas.compiler import Compilation
from hnas.ir.cost import Cost, cost_of
from hnas.ir.decisions import Architecture
from hnas.ir.numbers import spell_count
from hnas.ir.types import spell_stride

Image = tuple[int, ...] | None
"""The size of the images, in pixels; None where it is not known."""


def figures(compilation: Compilation, image: Image) -> dict[str, Any]:
    """The figures of a file by name.

    `parameters`, `parts`, `multiply_adds` and `sizes` are the super-network's, or of the file's only
    network; those of several stand under `networks`. An auxiliary head, which only training has, counts
    in none of them but `auxiliary_parameters`.
    """
    found = space_figures(compilation, image)
    networks = {name: _network(compilation, each, image) for name, each in compilation.networks().items()}
    if len(networks) == 1:
        ((name, only),) = networks.items()
        found |= {"network": name, **only}
    else:
        found["sizes"] = [each.data() for each in space_sizes(compilation, image)]
    return {**found, "networks": networks} if networks else found


def space_figures(compilation: Compilation, image: Image) -> dict[str, Any]:
    """The figures of a space by name; its costs are the super-network's, where there is one."""
    trellis, counts = compilation.space.trellis, compilation.counts
    digests = compilation.digests
    found: dict[str, Any] = {
        "space": compilation.space.name,
        "profile": compilation.spec.profile,
        "data": compilation.data.name,
        "layers": trellis.layers,
        "strides": list(trellis.strides),
        "paths": counts.paths,
        "cells": counts.cells,
        "cells_by_type": dict(counts.cells_by_type),
        "distinct_cells": counts.distinct_cells,
        "decodable_cells": counts.decodable_cells,
        "architectures": counts.architectures,
        "digests": {"choices": digests.choices, "weights": digests.weights, "run": digests.run},
    }
    return found | (_costs(compilation.cost(image=image)) if compilation.has_supernet else {})


def _network(compilation: Compilation, architecture: Architecture, image: Image) -> dict[str, Any]:
    graph = compilation.used(architecture)
    sizes = [each.data() for each in graph_sizes(graph, image)]
    trellis = compilation.decisions.trellis
    if trellis.single:
        way: dict[str, Any] = {"path": list(architecture.path(trellis))}
    else:
        taken = trellis.taken(architecture.picks)
        way = {"alive": [list(taken.layer(number)) for number in range(1, len(trellis.layers) + 1)]}
    found = _costs(cost_of(graph, image))
    auxiliary = _auxiliary(compilation, architecture, found)
    return {**way, **found, **({"auxiliary_parameters": auxiliary} if auxiliary else {}), "sizes": sizes}


def _auxiliary(compilation: Compilation, architecture: Architecture, found: Mapping[str, Any]) -> int:
    """Parameters the network has besides while it is trained."""
    return cost_of(compilation.specialized(architecture)).parameters - int(found["parameters"])


def _costs(cost: Cost) -> dict[str, Any]:
    found: dict[str, Any] = {
        "parameters": cost.parameters,
        "parts": {name: part.parameters for name, part in cost.parts.items()},
    }
    if cost.multiply_adds is not None and cost.image is not None:
        found["multiply_adds"] = cost.multiply_adds
        found["multiply_adds_by_part"] = {name: part.multiply_adds for name, part in cost.parts.items()}
        found["image"] = list(cost.image)
    return found


def space_text(compilation: Compilation, image: Image) -> str:
    """A space: its figures, the sizes of its maps, its trellis and its cells."""
    parts = [_space_rows(compilation, image), sizes_text(space_sizes(compilation, image), image)]
    parts.append(draw_trellis(compilation.decisions.trellis))
    parts += [draw_shape(cell) for cell in compilation.space.cells.values()]
    return "\n\n".join(parts)


def _space_rows(compilation: Compilation, image: Image) -> str:
    f = space_figures(compilation, image)
    trellis = compilation.space.trellis
    lines = [f"space {f['space']}, profile {f['profile']}"]
    rows = [
        ("data", f"{f['data']}, {len(compilation.card.classes)} classes"),
        ("trellis", f"{trellis.layers} layers, strides {', '.join(map(spell_stride, trellis.strides))}"),
        ("paths", spell_count(f["paths"])),
    ]
    for cell in compilation.space.cells.values():
        number = len(cell.options)
        text = "an operator" if cell.fixed else f"{cell.nodes} nodes, {number} options for each edge"
        rows.append((f"cell {cell.name}", text))
    rows += [
        ("cells", spell_count(f["cells"])),
        ("distinct", f"{spell_count(f['distinct_cells'])} up to the order of what a node sums"),
        ("decodable", f"{spell_count(f['decodable_cells'])} that this decode can reach"),
        ("architectures", spell_count(f["architectures"])),
    ]
    if "parameters" in f:
        rows.append(("super-network", f"{f['parameters']:,} weights ({_spell_parts(f['parts'])})"))
    if "multiply_adds" in f:
        rows.append(("multiply-adds", _spell_macs(f)))
    if compilation.program.search is not None:
        search = compilation.search
        rows.append(("search", f"{search.epochs} epochs, batch {search.batch}"))
    rows.append(("profiles", ", ".join(compilation.profiles)))
    rows.append(("choices", f["digests"]["choices"]))
    width = max(len(name) for name, _ in rows)
    return "\n".join(lines + [f"  {name:<{width}}  {text}" for name, text in rows])


def networks_text(compilation: Compilation, image: Image) -> str:
    """Every network of a file, drawn, with what it costs."""
    parts: list[str] = []
    for name, architecture in compilation.networks().items():
        graph = compilation.used(architecture)
        f = _costs(cost_of(graph, image))
        drawing = draw_network(compilation.space, compilation.decisions, architecture)
        lines = [f"network {name} of {compilation.space.name}", "", drawing, ""]
        lines.append(f"parameters     {f['parameters']:,} ({_spell_parts(f['parts'])})")
        auxiliary = _auxiliary(compilation, architecture, f)
        if auxiliary:
            lines.append(f"               {auxiliary:,} more in the auxiliary head, while it is trained")
        if "multiply_adds" in f:
            lines.append(f"multiply-adds  {_spell_macs(f)}")
        lines += ["", sizes_text(graph_sizes(graph, image), image)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _spell_parts(parts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in parts.items())


def _spell_macs(found: Mapping[str, Any]) -> str:
    return f"{found['multiply_adds']:,} for an image of {' x '.join(map(str, found['image']))}"
