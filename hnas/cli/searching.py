"""From flags to a search: compile, find the data, make or open the run folder, search, decode."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import final

import attrs
import torch
from attrs import frozen

from hnas.api.run import digests_of, newest, unchanged, weights_of
from hnas.cli.building import memory, super_network
from hnas.cli.choosing import trial_batch, with_compile, with_kernels, with_threads
from hnas.cli.draw import draw_network, spell_found
from hnas.cli.reporters import ClosingReporter
from hnas.cli.running import (
    Flags,
    carry_out,
    datasets,
    find_data,
    find_data_again,
    keeping_to,
    memory_again,
    new_record,
    record_again,
    refuse_both,
    spell_device,
    spell_memory,
    spell_reached,
    with_plan,
)
from hnas.compiler import Compilation
from hnas.data.base import Batch, Dataset, halves
from hnas.data.errors import BatchTooLarge, NoDataset
from hnas.data.registry import parse_data_flags
from hnas.diag import Diagnostic, HnasError
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.files import write_atomically
from hnas.engine.loop import Reporter
from hnas.engine.run import RunFolder, RunRecord
from hnas.engine.settings import autocast, resolve_device
from hnas.engine.trial import trial
from hnas.ir.decisions import Architecture
from hnas.ir.numbers import spell_count
from hnas.planning.plan import Plan
from hnas.runtime.compiled import refuse_without_compiler
from hnas.runtime.supernet import SuperNet
from hnas.search.decode import decode
from hnas.search.errors import FoundOverLimit
from hnas.search.searcher import Outcome, Searcher, SearchJob

DEMO = "demo"
"""The profile that runs where the spec's data set is not on the machine."""


@final
@frozen
class Ending:
    """How a search ended, for the command line.

    Attributes:
        run: Its folder.
        outcome: Steps, validation, signal.
        drawing: The network that was found.
        exit_code: Of the process.
        trainable: Whether the space says how what was found is trained.
    """

    run: Path
    outcome: Outcome
    drawing: str
    exit_code: int
    trainable: bool = False


def start(flags: Flags, reporter: ClosingReporter) -> Ending:
    """A new run.

    Raises:
        HnasError: Something given is wrong; no folder is left behind for what shows before the start.
    """
    assert flags.spec is not None
    compilation, root, notes = _with_data(flags, reporter)
    device = resolve_device(flags.device or "auto")
    refuse_both(flags.memory, flags.compile)
    if flags.compile == "on":
        refuse_without_compiler(device)
    train, val = datasets(compilation, root)
    _fits_batch(compilation, len(train), flags.seed or 0)
    plan = _keeping_to(flags.memory, compilation, train, device, reporter)
    again = plan.recomputed if plan is not None else ()
    model = super_network(attrs.evolve(compilation, recompute=again), flags.seed or 0, device)
    for warning in compilation.warnings:
        reporter.warning(warning)
    folder = RunFolder.create(flags.out, flags.spec.stem, datetime.now())
    with folder:
        write_atomically(folder.spec, compilation.resolved_text.encode())
        allow, passes = flags.allow_extern, compilation.passes
        resolved = Compilation(folder.spec, allow_extern=allow, passes=passes, recompute=again)
        record = new_record(flags, compilation, digests_of(folder, resolved), device, root, "search", notes)
        record = with_plan(record, plan)
        folder.write_record(record)
        return _search(folder, record, resolved, model, train, val, flags, reporter)


def resume(flags: Flags, reporter: ClosingReporter) -> Ending:
    """Go on with an earlier run, exactly where its newest checkpoint is.

    Raises:
        HnasError: The folder is no run's, or its data or device are gone.
    """
    assert flags.resume is not None
    folder = RunFolder.open(flags.resume)
    with folder:
        record = record_again(folder.record, flags)
        memory, device = memory_again(record, flags), resolve_device(record.device)
        again = record.recompute if memory is None else ()
        compilation = unchanged(folder, flags.allow_extern, record.passes, again)
        train, val = datasets(compilation, find_data_again(record, compilation, flags.data))
        plan = _keeping_to(memory, compilation, train, device, reporter)
        if plan is not None:
            record = with_plan(record, plan)
            compilation = attrs.evolve(compilation, recompute=plan.recomputed)
        model = super_network(compilation, record.seed, device)
        return _search(folder, record, compilation, model, train, val, flags, reporter)


# --- parts -----------------------------------------------------------------------------------------


def _with_data(flags: Flags, reporter: Reporter) -> tuple[Compilation, Path | None, tuple[str, ...]]:
    """The spec and the folder of its data set; the profile demo where the set is not on the machine.

    Also what run.json and found.hnas have to say about it.
    """
    assert flags.spec is not None
    parse_data_flags(flags.data)
    compilation = Compilation(
        flags.spec,
        profile=flags.profile,
        sets=flags.sets,
        space_name=flags.space,
        allow_extern=flags.allow_extern,
        passes=flags.passes,
    )
    _ = compilation.search, compilation.expanded
    found = find_data(compilation, flags.data)
    if not isinstance(found, NoDataset):
        return compilation, found, ()
    if flags.profile is not None or DEMO not in compilation.profiles:
        raise HnasError(found)
    note = f"{found.message}: this is the profile {DEMO}, on generated images"
    reporter.message(f"{note}; {found.help_text}")
    demo = attrs.evolve(compilation, profile=DEMO)
    _ = demo.search, demo.expanded
    return demo, None, (note,)


def _keeping_to(
    memory: int | None, compilation: Compilation, train: Dataset, device: torch.device, reporter: Reporter
) -> Plan | None:
    """The plan with which the search keeps to `memory`; second order is partly in single precision."""
    search = compilation.search
    half = device.type == "cuda" and search.order == "first"
    precision = "bfloat16" if half else "float32"
    return keeping_to(memory, compilation, None, train, search.batch, precision, reporter)


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


def _search(
    folder: RunFolder,
    record: RunRecord,
    compilation: Compilation,
    model: SuperNet,
    train: Dataset,
    val: Dataset,
    flags: Flags,
    reporter: ClosingReporter,
) -> Ending:
    device = resolve_device(record.device)
    checkpoints = Checkpoints(folder.checkpoints, record.binding)
    with memory(), reporter:
        record, kernels = with_kernels(record, compilation, device, checkpoints)
        batch = trial_batch(compilation, train, compilation.search.batch, device)

        def try_out(batch: Batch, limit: float | None = None) -> None:
            trial(model, model.network, batch, limit, autocast(device))

        record = with_threads(record, device, batch, try_out, reporter)
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
            kernels=kernels,
            describe=lambda a: spell_found(compilation.decisions.trellis, a),
        )
        searcher = Searcher(job, folder, checkpoints, reporter)
        plan = searcher.course.plan
        record = with_compile(
            attrs.evolve(record, steps=plan.steps),
            model.network,
            device,
            lambda: try_out(batch),
            reporter,
            passes=2 * plan.last,
            kinds=2,
        )
        folder.write_record(record)
        reporter.started(_facts(folder, record, compilation, searcher))
        outcome, code = carry_out(searcher.course, folder, flags, reporter, "search", searcher.search)
    drawing, over = write_found(folder, record, compilation, outcome.architecture, _standing(outcome))
    for warning in over:
        reporter.warning(warning)
    trainable = compilation.program.train is not None
    return Ending(folder.path, outcome, drawing, code, trainable)


def _facts(
    folder: RunFolder, record: RunRecord, compilation: Compilation, searcher: Searcher
) -> Mapping[str, str]:
    """What is about to run."""
    data, search = compilation.data, compilation.search
    a, b = (len(half) for half in _halves(len(searcher.job.train), compilation, record.seed))
    counts = compilation.counts
    parameters = compilation.cost().parameters
    return {
        "space": f"{compilation.space.name}, profile {record.profile}: {spell_count(counts.paths)} paths, "
        f"{spell_count(counts.cells)} cells",
        "super-network": f"{parameters:,} weights, {sum(1 for _ in compilation.decisions.groups()):,} "
        "groups of alpha and beta",
        "data": f"{data.name}: {a:,} images trainA, {b:,} trainB, {len(searcher.job.val):,} val",
        "search": f"{search.epochs} epochs of {searcher.course.plan.steps / search.epochs:.4g} steps, batch "
        f"{search.batch}, alpha and beta from epoch {search.arch.from_epoch + 1}",
        **spell_memory(record),
        "device": spell_device(record),
        "run": str(folder.path),
    }


def _standing(outcome: Outcome) -> str:
    return spell_reached(outcome.step, outcome.steps, "the super-network's", outcome.validation)


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
    _ = unchanged(folder)
    compilation = Compilation(folder.spec, sets=sets)
    _ = compilation.expanded
    step, state, warnings = newest(folder)
    weights = weights_of(compilation.decisions, state)
    architecture = decode(compilation.decisions, weights, compilation.decode)
    outcome = Outcome(architecture, step, int(state["steps"]), dict(state["validation"]), None)
    drawing, over = write_found(folder, record, compilation, architecture, _standing(outcome))
    return folder, drawing, (*warnings, *over)
