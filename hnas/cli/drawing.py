"""`hnas draw`: figures as files. torch is needed for the weights of a run alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hnas.cli.options import layout_options, outside_option
from hnas.cli.terminal import say, show_diagnostics, told_warnings

if TYPE_CHECKING:
    from hnas.compiler import Compilation
    from hnas.ir.decisions import Architecture

_OF_RUN = ("curves", "entropy")


@click.command(short_help="A figure of a space, a network or a run, as SVG or PNG.")
@click.argument("source", metavar="SPEC|NETWORK|RUN", type=click.Path(path_type=Path))
@click.option(
    "--what",
    type=click.Choice(["trellis", "cell", *_OF_RUN]),
    default="trellis",
    show_default=True,
    help="Layers and strides; cells; of a run also losses with the figure it is judged by, or entropies.",
)
@click.option(
    "--out",
    metavar="FILE.svg|FILE.png",
    type=click.Path(path_type=Path),
    help="The new file.  [default: NAME-WHAT.svg here]",
)
@click.option("--name", metavar="NAME", help="Which network, where the file has several.")
@layout_options
@outside_option
def draw(source: Path, what: str, out: Path | None, name: str | None, **layout: Any) -> int:
    """Draw a space, a network, or a run of hnas search or hnas train, as a figure for a paper.

    The trellis of a space has every way in it, that of a network the ways it takes. In the trellis of a
    search, ways are as wide as beta of its newest checkpoint, in its cells edges as opaque as alpha; what
    was found is in colour. Text in an SVG stays text; the same input gives the same file.
    """
    from hnas.api.files import refuse_to_overwrite, write_new

    stem = source.resolve().name if source.is_dir() else source.stem
    target = Path(f"{stem}-{what}.svg") if out is None else out
    format = target.suffix.lower().removeprefix(".")
    if format not in ("svg", "png"):
        raise click.BadParameter(f"{target} ends neither in .svg nor in .png", param_hint="--out")
    refuse_to_overwrite(target)
    if source.is_dir():
        data = _of_run(source, what, format, name, layout)
    elif what in _OF_RUN:
        raise click.UsageError(f"--what {what} is of a run: name its folder, runs/SPEC-DATE-TIME")
    else:
        data = _of_file(source, "cell" if what == "cell" else "trellis", format, name, layout)
    write_new(target, data)
    say(f"wrote  {target}")
    return 0


def _of_run(path: Path, what: Any, format: str, name: str | None, layout: dict[str, Any]) -> bytes:
    """A run has its own spec, laid out as it was searched."""
    from hnas.compiler import Compilation
    from hnas.draw.drawing import drawn, drawn_metrics
    from hnas.engine.log import MetricsLog
    from hnas.engine.run import RunFolder

    given = next((flag for flag, value in {**layout, "name": name}.items() if value), None)
    if given is not None:
        flag = "--set" if given == "sets" else f"--{given.replace('_', '-')}"
        raise click.UsageError(f"{flag} does not go with a run: it keeps what it began with")
    folder = RunFolder.open(path, None)
    record = folder.record
    if what == "entropy" and record.kind == "train":
        raise click.UsageError("--what entropy is of a search: a training has nothing to decide")
    if what in _OF_RUN:
        title = f"hnas {record.kind}, profile {record.profile}, seed {record.seed}"
        return drawn_metrics(str(path), MetricsLog(folder.metrics).rows(), what, format, title)
    if record.kind == "train":
        compilation = Compilation(folder.network, trained=True)
        return drawn(compilation, what, format, next(iter(compilation.networks().items())))
    return _of_search(path, what, format)


def _of_search(path: Path, what: Literal["trellis", "cell"], format: str) -> bytes:
    from hnas.api.run import open as open_run
    from hnas.draw.drawing import drawn_run

    with told_warnings():
        return drawn_run(open_run(path), what, format)


def _of_file(
    path: Path, what: Literal["trellis", "cell"], format: str, name: str | None, layout: dict[str, Any]
) -> bytes:
    from hnas.compiler import Compilation
    from hnas.draw.drawing import drawn

    compilation = Compilation(
        path, layout["profile"], layout["sets"], layout["space"], layout["allow_outside"]
    )
    network = _network(compilation, name)
    data = drawn(compilation, what, format, network)
    show_diagnostics(compilation.warnings)
    return data


def _network(compilation: "Compilation", name: str | None) -> "tuple[str, Architecture] | None":
    """The network that is meant; None for the space of a file without one."""
    from hnas.api.networks import network_block

    networks = compilation.networks()
    if name is None and not networks:
        return None
    if name is None and len(networks) == 1:
        return next(iter(networks.items()))
    if name is not None and name in networks:
        return name, networks[name]
    network_block(compilation.path, name)  # says which there are
    raise AssertionError("a file with that network was read")
