"""Networks in another space than the one they were found in: what `--as` says. Needs no torch."""

from pathlib import Path

import attrs

from hnas.api.networks import network_block
from hnas.compiler import Compilation
from hnas.diag.source import Source
from hnas.ir.decisions import Architecture
from hnas.passes.pipeline import Asked


def placed(
    given: Path,
    form: str | None,
    name: str | None,
    *,
    profile: str | None = None,
    sets: tuple[str, ...] = (),
    space: str | None = None,
    allow_outside: bool = False,
    allow_extern: bool = False,
    passes: Asked = None,
) -> tuple[Compilation, Architecture, str]:
    """The network `name` of a file in the trained form of the space it is to be trained in; and its name.

    Args:
        given: The file.
        form: The space, or a spec file that has it; None: the network's own.
        name: Of the network; None: the only one.
        profile, sets, space, allow_outside, allow_extern, passes: As of `Compilation`.

    Raises:
        HnasError: There is no such network or space, or the network is not of that space.
    """
    block = network_block(given, name)
    path = given
    if form is not None and (form.endswith(".hnas") or Path(form).is_file()):
        path = Path(form)
    elif form is not None:
        space = form
    elif space is None and block.relation is not None:
        space = block.relation.name
    compilation = Compilation(
        path, profile, sets, space, allow_outside, trained=True, allow_extern=allow_extern, passes=passes
    )
    if form is not None:  # its choices are what counts, not the space it names
        block = attrs.evolve(block, relation=None)
    return compilation, compilation.place(block), block.name or "network"


def as_file(compilation: Compilation, architecture: Architecture, name: str) -> Compilation:
    """The same space with one network: as if `compilation`'s file were another one that has it."""
    source = Source(f"<network {name}>", compilation.found_text(architecture, name=name))
    return attrs.evolve(compilation, source=source, space_name=compilation.space.name)
