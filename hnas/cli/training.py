"""From flags to a trained network: place it in its space, find the data, make or open the run folder."""

import json
from datetime import datetime
from pathlib import Path
from typing import final

import attrs
from attrs import frozen

from hnas.api.run import digests_of, unchanged
from hnas.cli.building import memory
from hnas.cli.choosing import trial_batch, with_compile, with_kernels, with_threads
from hnas.cli.placing import placed
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
    with_plan,
)
from hnas.compiler import Compilation
from hnas.data.base import Batch, Dataset
from hnas.data.errors import BatchTooLarge, NoDataset
from hnas.diag import HnasError
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.errors import NothingInherited
from hnas.engine.files import write_atomically
from hnas.engine.loop import Reporter
from hnas.engine.run import RunFolder, RunRecord
from hnas.engine.settings import resolve_device, seed_everything
from hnas.engine.trial import trial
from hnas.ir.decisions import Architecture
from hnas.planning.plan import Plan
from hnas.runtime.compiled import refuse_without_compiler
from hnas.runtime.lower import Network
from hnas.schema.settings import GivenWeights
from hnas.train.class_weights import Frequencies, weights_of
from hnas.train.inherit import inherit
from hnas.train.trainer import Trained, Trainer, TrainJob
from hnas.train.updates import Updates
from hnas.trained import weights_of as measured_weights


@final
@frozen
class Ending:
    """How a training ended, for the command line: the run's folder, what came out, the exit code."""

    run: Path
    trained: Trained
    exit_code: int


@final
@frozen(kw_only=True)
class TrainFlags:
    """What only `hnas train` is told.

    Attributes:
        form: Of --as: a space, or a spec file.
        network: Which network of the file.
        inherit: The run whose weights it begins with.
    """

    form: str | None = None
    network: str | None = None
    inherit: Path | None = None


def start(flags: Flags, more: TrainFlags, reporter: ClosingReporter) -> Ending:
    """A new run.

    Raises:
        HnasError: Something given is wrong; no folder is left behind for what shows before the start.
    """
    assert flags.spec is not None
    compilation, architecture, name = placed(
        flags.spec,
        more.form,
        more.network,
        profile=flags.profile,
        sets=flags.sets,
        space=flags.space,
        allow_extern=flags.allow_extern,
        passes=flags.passes,
    )
    _ = compilation.train
    root = find_data(compilation, flags.data)
    if isinstance(root, NoDataset):
        raise HnasError(root)
    device = resolve_device(flags.device or "auto")
    refuse_both(flags.memory, flags.compile)
    if flags.compile == "on":
        refuse_without_compiler(device)
    train, val = datasets(compilation, root)
    _fits_batch(compilation, len(train))
    plan = _keeping_to(flags.memory, compilation, architecture, train, reporter)
    if more.inherit is not None:
        RunFolder.open(more.inherit, None)
    for warning in compilation.warnings:
        reporter.warning(warning)
    folder = RunFolder.create(flags.out, flags.spec.stem, datetime.now())
    with folder:
        write_atomically(folder.spec, compilation.resolved_text.encode())
        text = compilation.found_text(architecture, (f"{name} of {flags.spec}",), folder.spec.name, name)
        write_atomically(folder.network, text.encode())
        allow, passes = flags.allow_extern, compilation.passes
        again = plan.recomputed if plan is not None else ()
        resolved = Compilation(
            folder.network, trained=True, allow_extern=allow, passes=passes, recompute=again
        )
        record = new_record(
            flags, compilation, digests_of(folder, resolved), device, root, "train", network=name
        )
        record = with_plan(record, plan)
        if more.inherit is not None:
            options = {**record.options, "inherit": str(more.inherit.resolve())}
            record = attrs.evolve(record, options=options)
        folder.write_record(record)
        (architecture,) = resolved.networks().values()
        return _train(folder, record, resolved, architecture, (train, val), flags, reporter)


def resume(flags: Flags, reporter: ClosingReporter) -> Ending:
    """Go on with an earlier run, exactly where its newest checkpoint is.

    Raises:
        HnasError: The folder is no run's, or its data or device are gone.
    """
    assert flags.resume is not None
    folder = RunFolder.open(flags.resume, "train")
    with folder:
        record = record_again(folder.record, flags)
        memory = memory_again(record, flags)
        again = record.recompute if memory is None else ()
        compilation = unchanged(folder, flags.allow_extern, record.passes, again)
        (architecture,) = compilation.networks().values()
        images = datasets(compilation, find_data_again(record, compilation, flags.data))
        plan = _keeping_to(memory, compilation, architecture, images[0], reporter)
        if plan is not None:
            record = with_plan(record, plan)
            compilation = attrs.evolve(compilation, recompute=plan.recomputed)
        return _train(folder, record, compilation, architecture, images, flags, reporter)


def _keeping_to(
    memory: int | None,
    compilation: Compilation,
    architecture: Architecture,
    images: Dataset,
    reporter: Reporter,
) -> Plan | None:
    """The plan with which the training keeps to `memory`."""
    settings = compilation.train
    return keeping_to(memory, compilation, architecture, images, settings.batch, settings.precision, reporter)


def _fits_batch(compilation: Compilation, images: int) -> None:
    """A pass over the images must be a step at least."""
    settings = compilation.train
    batch = settings.batch * settings.accumulate
    if images < batch:
        raise HnasError(BatchTooLarge(None, batch=batch, images=images, whole="there are training images"))


# --- running ---------------------------------------------------------------------------------------


def _train(
    folder: RunFolder,
    record: RunRecord,
    compilation: Compilation,
    architecture: Architecture,
    images: tuple[Dataset, Dataset],
    flags: Flags,
    reporter: ClosingReporter,
) -> Ending:
    device, settings = resolve_device(record.device), compilation.train
    checkpoints = Checkpoints(folder.checkpoints, record.binding)
    with memory("while training"), reporter:
        seed_everything(record.seed)
        network = compilation.network(architecture, drop_path=settings.drop_path is not None)
        if "inherit" in record.options and not checkpoints.files():
            record = _inherited(network, record, reporter)
        record, weights = _class_weights(record, compilation, images[0], reporter)
        updates = Updates(network.to(device), settings, device, weights)
        record, kernels = with_kernels(record, compilation, device, checkpoints)
        batch = trial_batch(compilation, images[0], settings.batch, device)

        def try_out(batch: Batch, limit: float | None = None) -> None:
            trial(network, network, batch, limit, updates.autocast())

        record = with_threads(record, device, batch, try_out, reporter)
        max_steps = record.options.get("max_steps")
        job = TrainJob(
            updates=updates,
            settings=settings,
            data=compilation.data,
            train=images[0],
            val=images[1],
            seed=record.seed,
            workers=int(record.options.get("workers", 0)),
            max_steps=None if max_steps is None else int(max_steps),
            checkpoint_seconds=flags.checkpoint_seconds,
            kernels=kernels,
        )
        trainer = Trainer(job, folder, checkpoints, reporter)
        plan = trainer.course.plan
        record = with_compile(
            attrs.evolve(record, steps=plan.steps),
            network,
            device,
            lambda: try_out(batch),
            reporter,
            passes=plan.last * settings.accumulate,
            kinds=1,
            sums=settings.accumulate > 1,
        )
        folder.write_record(record)
        reporter.started(_facts(folder, record, compilation, trainer))
        trained, code = carry_out(trainer.course, folder, flags, reporter, "train", trainer.train)
    if trained.validation:
        _write_result(folder, trained)
    return Ending(folder.path, trained, code)


def _inherited(network: Network, record: RunRecord, reporter: Reporter) -> RunRecord:
    """Begin with the weights of another run; the record with how many there were."""
    path = Path(str(record.options["inherit"]))
    other = RunFolder.open(path, None)
    _, state, warnings = Checkpoints(other.checkpoints, other.record.binding).load_latest()
    for warning in warnings:
        reporter.warning(warning)
    source = measured_weights(state)
    if other.record.kind == "search":
        source = {name.removeprefix("network."): w for name, w in source.items() if name[:8] == "network."}
    found = inherit(network, source)
    if not found.copied:
        raise HnasError(NothingInherited(None, path=str(path)))
    reporter.message(found.spell())
    return attrs.evolve(record, measured={**record.measured, **found.counts()})


def _class_weights(
    record: RunRecord, compilation: Compilation, train: Dataset, reporter: Reporter
) -> tuple[RunRecord, tuple[float, ...] | None]:
    """What classes count for, which is counted once; the record that keeps it."""
    how, classes = compilation.train.class_weights, compilation.card.classes
    if how is None or isinstance(how, GivenWeights):
        return record, None if how is None else how.weights
    kept = {name: f"class weight {name}" for name in classes}
    if not all(key in record.measured for key in kept.values()):
        reporter.message(f"counting the labels of {len(train):,} images for class_weights")
        found = weights_of(how, Frequencies.of(train))
        weighed = {kept[name]: weight for name, weight in zip(classes, found, strict=True)}
        record = attrs.evolve(record, measured={**record.measured, **weighed})
    return record, tuple(float(record.measured[key]) for key in kept.values())


def _facts(
    folder: RunFolder, record: RunRecord, compilation: Compilation, trainer: Trainer
) -> dict[str, str]:
    """What is about to run."""
    settings, plan, job = compilation.train, trainer.course.plan, trainer.job
    parameters = sum(p.numel() for p in job.updates.network.parameters())
    batch = f"{settings.batch}" if settings.accumulate == 1 else f"{settings.accumulate} x {settings.batch}"
    epochs = plan.steps * plan.batch / plan.images
    return {
        "network": f"{record.network} of {compilation.space.name}: {parameters:,} weights",
        "data": f"{compilation.data.name}: {len(job.train):,} images, {len(job.val):,} val",
        "train": f"{plan.steps:,} steps, {epochs:.4g} epochs, batch {batch}",
        **spell_memory(record),
        "device": spell_device(record),
        "run": str(folder.path),
    }


def _write_result(folder: RunFolder, trained: Trained) -> None:
    content = {
        "step": trained.step,
        "steps": trained.steps,
        "last": trained.validation,
        "best": {"step": trained.best_step, **trained.best},
    }
    write_atomically(folder.result, (json.dumps(content, indent=2) + "\n").encode())
