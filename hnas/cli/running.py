"""What `hnas search` and `hnas train` have in common: data set, run folder, stop and go on.

Everything that can be refused is refused before the run folder is made.
"""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar, final

import attrs
import torch
from attrs import frozen

import hnas
from hnas.cli.memory import spell_again, spell_bytes
from hnas.cli.planning import plan_of
from hnas.compiler import Compilation
from hnas.data.base import Dataset
from hnas.data.errors import NoDataset, OtherAxes, UnusedData
from hnas.data.registry import GENERATED, locate, open_dataset, parse_data_flags
from hnas.diag import HnasError
from hnas.engine.course import Course
from hnas.engine.errors import AlreadyFinished, MemoryCompiled
from hnas.engine.loop import Reporter, Stopper
from hnas.engine.metrics import Headline
from hnas.engine.run import Kind, RunFolder, RunRecord
from hnas.ir.decisions import Architecture
from hnas.lang.resolve import PAPER
from hnas.planning.plan import Plan
from hnas.schema.datasets import Split

T = TypeVar("T")


@final
@frozen(kw_only=True)
class Flags:
    """What the command line of a run says.

    Attributes:
        spec: The file, of a space or of a network; None with --resume.
        out, resume: A folder for the run, or the run to go on with.
        profile, space, sets: How the spec is laid out.
        data: NAME=PATH of each --data.
        seed, max_steps, device: As given; None where not.
        workers, threads: Processes that read images; auto or a number.
        kernels, compile: auto or off, auto, on or off; None where not given.
        checkpoint_seconds: At least as often as this.
        allow_extern: Whether the classes that extern operators name may be imported.
        passes: What networks go through before they are built; None: not said.
        memory: Bytes that training is to keep to; None: not said.
    """

    spec: Path | None
    out: Path | None
    resume: Path | None
    profile: str | None
    space: str | None
    sets: tuple[str, ...]
    data: tuple[str, ...]
    seed: int | None
    max_steps: int | None
    device: str | None
    workers: int | None
    threads: str | None
    kernels: str | None
    compile: str | None
    checkpoint_seconds: float
    allow_extern: bool = False
    passes: tuple[str, ...] | None = None
    memory: int | None = None


# --- the data set ----------------------------------------------------------------------------------


def find_data(compilation: Compilation, data: tuple[str, ...]) -> Path | NoDataset | None:
    """The folder of the data set of a spec; None for a generated one; what to say where there is none.

    Raises:
        HnasError: A folder given with --data is wrong, or of another set; the space has no images.
    """
    given = parse_data_flags(data)
    for each in given:
        locate(each, given, {})
    name = compilation.data.name
    if compilation.space.dims != 2:
        raise HnasError(OtherAxes(None, dims=compilation.space.dims, name=name))
    if given and name not in given:
        profiles = ", ".join(compilation.profiles)
        raise HnasError(UnusedData(None, given=", ".join(given), name=name, profiles=profiles))
    if name in GENERATED:
        return None
    return locate(name, given, os.environ, compilation.data.root) or NoDataset(None, name=name)


def find_data_again(record: RunRecord, compilation: Compilation, data: tuple[str, ...]) -> Path | None:
    """The folder of the data set of a run: that of --data, else the one it began with."""
    name = compilation.data.name
    recorded = {name: Path(record.data["root"])} if "root" in record.data else {}
    given = {**recorded, **parse_data_flags(data)}
    return locate(name, given, os.environ, compilation.data.root)


def datasets(compilation: Compilation, root: Path | None) -> tuple[Dataset, Dataset]:
    """The images to train on and those to validate on."""
    return dataset(compilation, "train", root), dataset(compilation, "val", root)


def dataset(compilation: Compilation, split: Split, root: Path | None) -> Dataset:
    """The images of a split of the data set of a spec, which lies in `root`."""
    return open_dataset(compilation.card, split, root, compilation.data.folder)


# --- the run folder --------------------------------------------------------------------------------


def new_record(
    flags: Flags,
    compilation: Compilation,
    digests: Mapping[str, str],
    device: torch.device,
    root: Path | None,
    kind: Kind,
    notes: tuple[str, ...] = (),
    network: str = "",
) -> RunRecord:
    """What run.json says of a run that begins now."""
    return RunRecord(
        hnas=hnas.__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        command=tuple(sys.argv),
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        spec=str(flags.spec),
        profile=compilation.profile or PAPER,
        seed=flags.seed or 0,
        device=str(device),
        threads=0,
        digests=digests,
        data={"name": compilation.data.name, **({"root": str(root.resolve())} if root else {})},
        options={
            "threads": flags.threads or "auto",
            "kernels": flags.kernels or "auto",
            "compile": flags.compile or "auto",
            "workers": flags.workers or 0,
            "passes": ",".join(compilation.passes),
            **({"max_steps": flags.max_steps} if flags.max_steps is not None else {}),
            **({"memory": flags.memory} if flags.memory is not None else {}),
        },
        notes=notes,
        kind=kind,
        network=network,
    )


def record_again(record: RunRecord, flags: Flags) -> RunRecord:
    """The record of a run that goes on, with what --resume may change.

    Raises:
        HnasError: It is to be compiled and to keep to a memory (E0729).
    """
    options = dict(record.options)
    if flags.max_steps is not None:
        options["max_steps"] = flags.max_steps
    if flags.workers is not None:
        options["workers"] = flags.workers
    if flags.passes is not None:
        options["passes"] = ",".join(flags.passes)
    if flags.memory is not None:
        options["memory"] = flags.memory
    compiles = record.compile
    if flags.compile is not None:
        options["compile"], compiles = flags.compile, ""
    goes_on = attrs.evolve(record, device=flags.device or record.device, options=options, compile=compiles)
    refuse_both(goes_on.memory, compiles or str(options.get("compile")))
    return goes_on


def refuse_both(memory: int | None, compiles: str | None) -> None:
    """Refuse to compile what is to keep to so many bytes.

    Raises:
        HnasError: It is asked for both (E0729).
    """
    if memory is not None and compiles == "on":
        raise HnasError(MemoryCompiled(None, memory=spell_bytes(memory)))


# --- running ---------------------------------------------------------------------------------------


def keeping_to(
    memory: int | None,
    compilation: Compilation,
    architecture: Architecture | None,
    images: Dataset,
    batch: int,
    precision: str,
    reporter: Reporter,
) -> Plan | None:
    """The plan of a pass with which training keeps to so many bytes; None where nothing is asked.

    Args:
        memory: Bytes; None: as many as it takes.
        compilation: The space.
        architecture: What is trained; None: the super-network.
        images: Those that are trained on, for their size.
        batch: Images in a pass.
        precision: What it computes with.
        reporter: Told of it.

    Raises:
        HnasError: It cannot keep to it (E0725), or images of this size do not pass (E0720).
    """
    if memory is None:
        return None
    reporter.message(f"planning a pass within {spell_bytes(memory)}")
    return plan_of(compilation, architecture, pixels_of(compilation, images), batch, precision, memory)


def with_plan(record: RunRecord, plan: Plan | None) -> RunRecord:
    """The record with what backward is to compute again, and what that costs."""
    if plan is None:
        return record
    measured = dict(zip(_PLANNED, (plan.total_bytes, plan.extra_work), strict=True))
    return attrs.evolve(
        record,
        options={**record.options, "recompute": ",".join(plan.recomputed)},
        measured={**record.measured, **measured},
    )


def memory_again(record: RunRecord, flags: Flags) -> int | None:
    """The memory to plan for as a run goes on: where another is asked for, or other passes."""
    anew = flags.memory is not None or flags.passes is not None
    return record.memory if anew else None


def spell_memory(record: RunRecord) -> dict[str, str]:
    """A fact: what the run keeps to, and how; none where it was told nothing."""
    if record.memory is None:
        return {}
    planned, extra = (float(record.measured[name]) for name in _PLANNED)
    again = spell_again(len(record.recompute), extra)
    return {"memory": f"{spell_bytes(int(planned))} of {spell_bytes(record.memory)}; {again}"}


_PLANNED = "planned bytes", "part of multiply-adds computed again"


def pixels_of(compilation: Compilation, images: Dataset) -> tuple[int, int]:
    """Pixels of what is trained on, by the first image where nothing else tells."""
    height, width = images.read(0)[0].shape[1:]
    return compilation.data.trained_size((height, width)) or (height, width)


def spell_device(record: RunRecord) -> str:
    """Where it runs, and the seed."""
    threads = f", {record.threads} thread{'s' if record.threads != 1 else ''}"
    return f"{record.device}{threads if record.device == 'cpu' else ''}, seed {record.seed}"


def carry_out(
    course: Course,
    folder: RunFolder,
    flags: Flags,
    reporter: Reporter,
    command: str,
    run: Callable[[Stopper], T],
) -> tuple[T, int]:
    """Begin, or go on with, a course, which `run` does; what it gave, and the exit code."""
    if flags.resume is not None:
        course.resume()
        if course.finished:
            reporter.warning(AlreadyFinished(None, step=course.step, steps=course.plan.steps))
        else:
            reporter.message(f"goes on after step {course.step}")
    command = again(folder.path, flags, command)
    try:
        with Stopper(command) as stopper:
            result = run(stopper)
    except HnasError as error:
        error.add_note(f"when that is mended, go on with: {command}")
        raise
    return result, stopper.exit_code


def again(run: Path, flags: Flags, command: str) -> str:
    """The command that goes on with a run of `hnas COMMAND`."""
    return f"hnas {command} --resume {run}{' --allow-extern' if flags.allow_extern else ''}"


def spell_reached(step: int, steps: int, whose: str, validation: Mapping[str, float]) -> str:
    """How far a run came and what it reached, in a line for a file."""
    shown = f"after {step} of {steps} weight steps"
    reached = Headline.of(validation)
    if reached is not None:
        shown += (
            f"; {whose} {reached.name} was {reached.value:.4f}, "
            f"that of the most frequent class {reached.baseline:.4f}"
        )
    return shown
