"""From flags to a search: compile, find the data, make or open the run folder, search, decode.

Everything that can be refused is refused before the run folder is made.
"""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import final

import attrs
import torch
from attrs import frozen

import hnas
from hnas.cli.draw import draw_network, spell_found
from hnas.cli.reporters import ClosingReporter
from hnas.cli.terminal import spell_count
from hnas.compiler import Compilation
from hnas.data.base import Batch, Dataset, halves
from hnas.data.errors import BatchTooLarge, NoDataset, OtherAxes, UnusedData
from hnas.data.registry import GENERATED, locate, open_dataset, parse_data_flags
from hnas.diag import Diagnostic, HnasError
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.errors import OutOfMemory, SpecChanged
from hnas.engine.files import write_atomically
from hnas.engine.loop import Reporter, Stopper
from hnas.engine.metrics import Headline
from hnas.engine.run import RunFolder, RunRecord
from hnas.engine.settings import choose_threads, is_out_of_memory, resolve_device, seed_everything
from hnas.ir.decisions import Architecture
from hnas.lang.resolve import PAPER
from hnas.runtime.arch import ArchParams
from hnas.runtime.supernet import SuperNet
from hnas.search.bilevel import trial
from hnas.search.decode import decode
from hnas.search.errors import AlreadyFinished, FoundOverLimit
from hnas.search.searcher import Outcome, Searcher, SearchJob

DEMO = "demo"
"""The profile that runs where the spec's data set is not on the machine."""


@final
@frozen(kw_only=True)
class Flags:
    """What the command line of `hnas search` says.

    Attributes:
        spec: The file; None with --resume.
        out, resume: A folder for the run, or the run to go on with.
        profile, space, sets: How the spec is laid out.
        data: NAME=PATH of each --data.
        seed, max_steps, device: As given; None where not.
        workers, threads: Processes that read images; auto or a number.
        checkpoint_seconds: At least as often as this.
        allow_extern: Whether the classes that extern operators name may be imported.
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
    checkpoint_seconds: float
    allow_extern: bool = False


@final
@frozen
class Ending:
    """How a search ended, for the command line.

    Attributes:
        run: Its folder.
        outcome: Steps, validation, signal.
        drawing: The network that was found.
        exit_code: Of the process.
    """

    run: Path
    outcome: Outcome
    drawing: str
    exit_code: int


def start(flags: Flags, reporter: ClosingReporter) -> Ending:
    """A new run.

    Raises:
        HnasError: Something given is wrong; no folder is left behind for what shows before the start.
    """
    assert flags.spec is not None
    compilation, root, notes = _with_data(flags, reporter)
    device = resolve_device(flags.device or "auto")
    train, val = _datasets(compilation, root)
    _fits_batch(compilation, len(train), flags.seed or 0)
    for warning in compilation.warnings:
        reporter.warning(warning)
    folder = RunFolder.create(flags.out, flags.spec.stem, datetime.now())
    with folder:
        write_atomically(folder.spec, compilation.resolved_text.encode())
        resolved = Compilation(folder.spec)
        record = RunRecord(
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
            digests=attrs.asdict(resolved.digests),
            data={"name": compilation.data.name, **({"root": str(root.resolve())} if root else {})},
            options={
                "threads": flags.threads or "auto",
                "workers": flags.workers or 0,
                **({"max_steps": flags.max_steps} if flags.max_steps is not None else {}),
            },
            notes=notes,
        )
        folder.write_record(record)
        return _search(folder, record, resolved, train, val, flags, reporter)


def resume(flags: Flags, reporter: ClosingReporter) -> Ending:
    """Go on with an earlier run, exactly where its newest checkpoint is.

    Raises:
        HnasError: The folder is no run's, or its data or device are gone.
    """
    assert flags.resume is not None
    folder = RunFolder.open(flags.resume)
    with folder:
        record = folder.record
        options = dict(record.options)
        if flags.max_steps is not None:
            options["max_steps"] = flags.max_steps
        if flags.workers is not None:
            options["workers"] = flags.workers
        record = attrs.evolve(record, device=flags.device or record.device, options=options)
        compilation = attrs.evolve(_unchanged(folder, record), allow_extern=flags.allow_extern)
        given = parse_data_flags(flags.data)
        name = compilation.data.name
        recorded = {name: Path(record.data["root"])} if "root" in record.data else {}
        root = locate(name, {**recorded, **given}, os.environ)
        train, val = _datasets(compilation, root)
        return _search(folder, record, compilation, train, val, flags, reporter)


def _unchanged(folder: RunFolder, record: RunRecord) -> Compilation:
    """The run's spec, if it still is the one the run began with."""
    compilation = Compilation(folder.spec)
    have = attrs.asdict(compilation.digests)
    which = [name for name in ("choices", "weights", "run") if record.digests.get(name) != have[name]]
    if which:
        words = {"choices": "choices", "weights": "weights", "run": "settings"}
        shown = " and ".join(words[name] for name in which)
        raise HnasError(SpecChanged(None, path=str(folder.spec), which=shown))
    return compilation


# --- parts -----------------------------------------------------------------------------------------


def _with_data(flags: Flags, reporter: Reporter) -> tuple[Compilation, Path | None, tuple[str, ...]]:
    """The spec and the folder of its data set; the profile demo where the set is not on the machine.

    Also what run.json and found.hnas have to say about it.
    """
    assert flags.spec is not None
    given = parse_data_flags(flags.data)
    for each in given:
        locate(each, given, {})
    compilation = Compilation(
        flags.spec,
        profile=flags.profile,
        sets=flags.sets,
        space_name=flags.space,
        allow_extern=flags.allow_extern,
    )
    _ = compilation.search, compilation.expanded
    name = compilation.data.name
    if compilation.space.dims != 2:
        raise HnasError(OtherAxes(None, dims=compilation.space.dims, name=name))
    if given and name not in given:
        raise HnasError(UnusedData(None, given=", ".join(given), name=name, profiles=_profiles(compilation)))
    if name in GENERATED:
        return compilation, None, ()
    root = locate(name, given, os.environ)
    if root is not None:
        return compilation, root, ()
    missing = NoDataset(None, name=name)
    if flags.profile is not None or DEMO not in compilation.profiles:
        raise HnasError(missing)
    note = f"{missing.message}: this is the profile {DEMO}, on generated images"
    reporter.message(f"{note}; {missing.help_text}")
    demo = attrs.evolve(compilation, profile=DEMO)
    _ = demo.search, demo.expanded
    return demo, None, (note,)


def _fits_batch(compilation: Compilation, images: int, seed: int) -> None:
    """A pass over a half must be a step at least."""
    sizes = [len(half) for half in _halves(images, compilation, seed)]
    batch = compilation.search.batch
    if 0 < min(sizes) < batch:
        raise HnasError(BatchTooLarge(None, batch=batch, images=min(sizes)))


def _halves(images: int, compilation: Compilation, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The images of trainA and of trainB."""
    assert compilation.data.split is not None, "the checker asks for one where a space is searched"
    return halves(images, compilation.data.split, seed)


def _profiles(compilation: Compilation) -> str:
    return ", ".join(compilation.profiles)


def _datasets(compilation: Compilation, root: Path | None) -> tuple[Dataset, Dataset]:
    name = compilation.data.name
    train, val = open_dataset(name, "train", root), open_dataset(name, "val", root)
    return train, val


def _search(
    folder: RunFolder,
    record: RunRecord,
    compilation: Compilation,
    train: Dataset,
    val: Dataset,
    flags: Flags,
    reporter: ClosingReporter,
) -> Ending:
    device = resolve_device(record.device)
    checkpoints = Checkpoints(folder.checkpoints, _binding(record))
    with _memory(), reporter:
        seed_everything(record.seed)
        model = compilation.supernet().to(device)
        if not record.threads and record.options["threads"] == "auto" and device.type == "cpu":
            reporter.message("measuring how many threads are fastest; --threads N chooses without")
        record = _measured(record, compilation, model, device, train)
        folder.write_record(record)
        max_steps = record.options.get("max_steps")
        job = SearchJob(
            model=model,
            table=compilation.decisions,
            search=compilation.search,
            decode=compilation.decode,
            data=compilation.data,
            train=train,
            val=val,
            seed=record.seed,
            device=device,
            workers=int(record.options.get("workers", 0)),
            max_steps=None if max_steps is None else int(max_steps),
            checkpoint_seconds=flags.checkpoint_seconds,
            describe=lambda a: spell_found(compilation.decisions.trellis, a),
        )
        searcher = Searcher(job, folder, checkpoints, reporter)
        reporter.started(_facts(folder, record, compilation, searcher))
        if flags.resume is not None:
            searcher.course.resume()
            if searcher.course.finished:
                reporter.warning(
                    AlreadyFinished(None, step=searcher.course.step, steps=searcher.course.plan.steps)
                )
            else:
                reporter.message(f"goes on after step {searcher.course.step}")
        try:
            with Stopper(f"hnas search --resume {folder.path}") as stopper:
                outcome = searcher.search(stopper)
        except HnasError as error:
            error.add_note(f"when that is mended, go on with: hnas search --resume {folder.path}")
            raise
    drawing, over = write_found(folder, record, compilation, outcome.architecture, _standing(outcome))
    for warning in over:
        reporter.warning(warning)
    return Ending(folder.path, outcome, drawing, stopper.exit_code)


def _binding(record: RunRecord) -> str:
    """What a checkpoint belongs to: the resolved spec, which names its data set, and the seed."""
    return f"{record.digests.get('run', '')}-{record.seed}"


def _measured(
    record: RunRecord, compilation: Compilation, model: SuperNet, device: torch.device, train: Dataset
) -> RunRecord:
    """The record with the number of threads, which is chosen once, before the first step."""
    if record.threads:
        torch.set_num_threads(record.threads)
        return record
    image, label = train.read(0)
    height, width = image.shape[1:]
    pixels = compilation.data.trained_size((height, width)) or (height, width)
    number = compilation.search.batch
    labels = torch.zeros(number, *(pixels if label.ndim else ()), dtype=torch.long)
    batch = Batch(torch.zeros(number, 3, *pixels), labels)
    moved = batch.to(device)
    choice = choose_threads(str(record.options["threads"]), device, lambda limit: trial(model, moved, limit))
    measured = {f"seconds with {n} threads": seconds for n, seconds in choice.seconds.items()}
    return attrs.evolve(record, threads=choice.threads, measured=measured)


def _facts(
    folder: RunFolder, record: RunRecord, compilation: Compilation, searcher: Searcher
) -> Mapping[str, str]:
    """What is about to run."""
    data, search = compilation.data, compilation.search
    a, b = (len(half) for half in _halves(len(searcher.job.train), compilation, record.seed))
    counts = compilation.counts
    parameters = compilation.cost().parameters
    threads = f", {record.threads} thread{'s' if record.threads != 1 else ''}"
    return {
        "space": f"{compilation.space.name}, profile {record.profile}: {spell_count(counts.paths)} paths, "
        f"{spell_count(counts.cells)} cells",
        "super-network": f"{parameters:,} weights, {sum(1 for _ in compilation.decisions.groups()):,} "
        "groups of alpha and beta",
        "data": f"{data.name}: {a:,} images trainA, {b:,} trainB, {len(searcher.job.val):,} val",
        "search": f"{search.epochs} epochs of {searcher.course.plan.steps / search.epochs:.4g} steps, batch "
        f"{search.batch}, alpha and beta from epoch {search.arch.from_epoch + 1}",
        "device": f"{record.device}{threads if record.device == 'cpu' else ''}, seed {record.seed}",
        "run": str(folder.path),
    }


def _standing(outcome: Outcome) -> str:
    shown = f"after {outcome.step} of {outcome.steps} weight steps"
    reached = Headline.of(outcome.validation)
    if reached is not None:
        shown += (
            f"; the super-network's {reached.name} was {reached.value:.4f}, "
            f"that of the most frequent class {reached.baseline:.4f}"
        )
    return shown


def write_found(
    folder: RunFolder, record: RunRecord, compilation: Compilation, architecture: Architecture, standing: str
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Write found.hnas; returns its drawing, and warnings of the limits it does not keep."""
    notes = (
        f"hnas {record.hnas}: {record.spec}, profile {record.profile}, seed {record.seed}, "
        f"on {record.data['name']}",
        standing,
        *record.notes,
    )
    text = compilation.found_text(architecture, notes, folder.spec.name)
    write_atomically(folder.found, text.encode())
    over = tuple(
        FoundOverLimit(None, figure=limit.figure, found=found, most=limit.most)
        for limit, found in (compilation.over_limits(architecture) if compilation.space.limits else ())
    )
    return draw_network(compilation.space, compilation.decisions, architecture), over


def decode_run(path: Path, sets: tuple[str, ...]) -> tuple[RunFolder, str, tuple[Diagnostic, ...]]:
    """Decode the newest checkpoint of a run anew and write its found.hnas; its drawing, and warnings.

    Raises:
        HnasError: The folder is no run's or has no checkpoint.
    """
    folder = RunFolder.open(path)
    record = folder.record
    _ = _unchanged(folder, record)
    compilation = Compilation(folder.spec, sets=sets)
    _ = compilation.expanded
    step, state, warnings = Checkpoints(folder.checkpoints, _binding(record)).load_latest()
    arch = ArchParams.of_state(compilation.decisions, state["model"])
    weights = {group: weight.tolist() for group, weight in arch.weights().items()}
    architecture = decode(compilation.decisions, weights, compilation.decode)
    outcome = Outcome(architecture, step, int(state["steps"]), dict(state["validation"]), None)
    drawing, over = write_found(folder, record, compilation, architecture, _standing(outcome))
    return folder, drawing, (*warnings, *over)


@contextmanager
def _memory() -> Iterator[None]:
    """Turn an allocation that failed, on whatever device, into a diagnostic."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise HnasError(OutOfMemory(None, where="while searching")) from None
        raise
