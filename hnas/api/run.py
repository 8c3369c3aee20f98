"""A run folder as an object, of a search or of a training: it is read, never written to, and not locked."""

import hashlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final
from warnings import warn

import attrs
from attrs import define, field, frozen

from hnas.api.space import SearchSpace
from hnas.compiler import Compilation
from hnas.diag import Diagnostic, HnasError
from hnas.engine.errors import NoCheckpoint
from hnas.engine.log import MetricsLog
from hnas.engine.run import RunFolder, RunRecord
from hnas.ir.decisions import Architecture, DecisionTable
from hnas.passes.inline import inline
from hnas.passes.pipeline import Asked, chosen, optimize

if TYPE_CHECKING:
    from hnas.runtime.lower import Network
    from hnas.runtime.supernet import SuperNet
    from hnas.trained import Predictor, Which


@final
@frozen
class Steps:
    """Weight steps of a run.

    Attributes:
        done: As its metrics and checkpoints tell.
        planned: Those of all epochs; None before the run has counted them.
        last: After which it stops: `--max-steps` where that is less; None as `planned`.
    """

    done: int
    planned: int | None
    last: int | None


@final
@define(frozen=True, slots=False, eq=False)
class Run:
    """A search or a training, while it runs or afterwards. What it goes on writing is read anew each time.

    What only a search has, `weights` and `supernet`, a run of `hnas train` refuses (E0602), and the other
    way round `predictor`.
    """

    path: Path
    _folder: RunFolder = field(repr=False)
    _allow_extern: bool = field(default=False, repr=False)
    _passes: Asked = field(default=None, repr=False)

    @property
    def record(self) -> RunRecord:
        """run.json: what kind of run it is, versions, command line, profile, seed, device, options.

        Raises:
            HnasError: It cannot be read (E0602).
        """
        return self._folder.record

    @cached_property
    def space(self) -> SearchSpace:
        """The space with the settings it is searched with, or in the form a network of it is trained in.

        Raises:
            HnasError: A file of the run was changed since it began (E0607).
        """
        return SearchSpace(unchanged(self._folder, self._allow_extern, self._passes))

    @property
    def steps(self) -> Steps:
        """How far it is.

        Raises:
            HnasError: run.json cannot be read (E0602).
        """
        record = self.record
        planned, most = record.steps or None, record.options.get("max_steps")
        last = planned if planned is None or most is None else min(planned, int(most))
        named = [int(file.stem.rpartition("-")[2]) for file in self._folder.checkpoints.glob("step-*.pt")]
        return Steps(max((*named, *self._logged()), default=0), planned, last)

    @property
    def finished(self) -> bool:
        """Whether every step that was asked for is made and measured, and what came out is written.

        Raises:
            HnasError: run.json cannot be read (E0602).
        """
        last, folder = self.steps.last, self._folder
        written = folder.result if self.record.kind == "train" else folder.found
        return last is not None and written.is_file() and last in self._logged("validation")

    def _logged(self, *phases: str) -> list[int]:
        """The steps of the rows of metrics, of all phases or some."""
        rows = [row for row in self.metrics() if not phases or row.get("phase") in phases]
        return [int(row["step"]) for row in rows if "step" in row]

    def metrics(self) -> tuple[Mapping[str, Any], ...]:
        """The rows of metrics.jsonl so far, without one that is half written.

        `step` and `epoch` count from 1; `phase` is `search`, `train` or `validation`; losses are means since
        the row before.
        """
        return tuple(MetricsLog(self._folder.metrics).rows())

    @property
    def architecture(self) -> Architecture | None:
        """The network that is trained; of a search the one of found.hnas, None before there is one.

        `hnas decode` writes found.hnas at any time.

        Raises:
            HnasError: The file was changed and is no network of the space, or the run's spec was.
        """
        if self.record.kind == "train":
            (architecture,) = self.space.compilation.networks().values()
            return architecture
        return self.space.read(self._folder.found) if self._folder.found.is_file() else None

    # --- networks --------------------------------------------------------------------------------

    def network(self, checkpoint: "Which | None" = None) -> "Network":
        """The network with the weights of the run, a torch module in evaluation mode, on the processor.

        Of a training: with what `hnas eval` and `hnas predict` use, the best weights, or the last before
        there were any; their average where the block `train` says `ema`. Of a search: the network of
        found.hnas as a part of the super-network, with the weights and norms the newest checkpoint has for
        it. They were shared with every other network of the space: train it before it is used.

        `prepare(image)` makes its images (N, 3, H, W); scores are (N, classes, H, W), (N, classes, 1, 1)
        where images have a label each.

        Args:
            checkpoint: `best` or `last`; a search has the last alone.

        Raises:
            HnasError: There is no such checkpoint (E0605), a file of the run was changed (E0607), it has
                other weights (E0612), or of a search there is no found.hnas yet (E0605).
        """
        if self.record.kind == "train":
            return self._predictor(checkpoint, "cpu").network
        architecture = self.architecture
        if checkpoint == "best" or architecture is None:
            why = "a search keeps no best one" if architecture is not None else "there is no found.hnas yet"
            advice = "" if architecture is not None else f"write it with hnas decode {self.path}"
            raise HnasError(NoCheckpoint(None, path=str(self.path), why=why, advice=advice))
        from hnas.engine.weights import fill
        from hnas.runtime.lower import lower

        state, compilation = self._newest(), self.space.compilation
        graph = compilation.specialized(architecture, searching=True)
        with _generator_kept():
            network = lower(optimize(inline(graph), compilation.passes), allow_extern=self._allow_extern)
        wanted = set(network.state_dict())
        given = {name.removeprefix("network."): value for name, value in state["model"].items()}
        found = self._folder.found
        advice = f"its widths follow from its choices: train it with hnas train {found} --inherit {self.path}"
        fill(network, {name: value for name, value in given.items() if name in wanted}, self.path, advice)
        return network.eval()

    def prepare(self, image: Any) -> Any:
        """An image as the networks of the run take it: float (1, 3, h, w), normalised.

        Args:
            image: A tensor, uint8 (3, H, W), red, green and blue.

        Raises:
            HnasError: A file of the run was changed (E0607).
        """
        from hnas.trained import prepared

        return prepared(self.space.compilation, image)

    def predictor(self, checkpoint: "Which | None" = None, *, device: str = "auto") -> "Predictor":
        """What `hnas predict` uses: the trained network, from images to probabilities and labels.

        Args:
            checkpoint: `best` or `last`; None: the best, or the last before there were any.
            device: As `--device` has it.

        Raises:
            HnasError: It is no run of hnas train (E0602), was changed (E0607), has no such checkpoint
                (E0605), or there is no such device (E0702).
        """
        self._folder.refuse_other("train")
        return self._predictor(checkpoint, device)

    def _predictor(self, checkpoint: "Which | None", device: str) -> "Predictor":
        from hnas.trained import load

        architecture = self.architecture
        assert architecture is not None, "a training has a network from the start"
        with _generator_kept():  # the weights it begins with are drawn for nothing
            found = load(self._folder, self.space.compilation, architecture, checkpoint, device)
        _warn(found.damaged)
        return found

    # --- what only a search has ------------------------------------------------------------------

    def weights(self) -> Mapping[str, tuple[float, ...]]:
        """What every group of choices weighs its options with: alpha and beta of the newest checkpoint.

        By the group's id, in the order of its options; they sum to 1, but for moves or options that are
        weighed independently (Auto-DeepLab, Liu et al., CVPR 2019, Eq. 3 and 7).

        Raises:
            HnasError: It is no search (E0602), there is no checkpoint that can be read (E0605), or the spec
                was changed (E0607).
        """
        self._folder.refuse_other("search")
        table = self.space.compilation.decisions
        return weights_of(table, self._newest())

    def supernet(self) -> "SuperNet":
        """The super-network with the weights of the newest checkpoint, on the processor.

        It is in training mode, as any new module. Images (N, 3, H, W) to scores (N, classes, H, W).

        Raises:
            HnasError: As `weights`.
        """
        self._folder.refuse_other("search")
        from hnas.engine.weights import fill

        state, space = self._newest(), self.space
        with _generator_kept():  # the weights it begins with are drawn for nothing
            model = space.supernet()
        fill(model, state["model"], self.path)
        return model

    def _newest(self) -> Mapping[str, Any]:
        _, state, damaged = newest(self._folder)
        _warn(damaged)
        return state


def _warn(damaged: tuple[Diagnostic, ...]) -> None:
    """Of the caller's caller, who asked for what a checkpoint has."""
    for each in damaged:
        warn(each.message, stacklevel=4)


def open(path: Path | str, *, allow_extern: bool = False, passes: Asked = None) -> Run:
    """The run in a folder that `hnas search` or `hnas train` made, while it runs or afterwards.

    Nothing is unpickled.

    Args:
        path: The folder, runs/NAME-DATE-TIME.
        allow_extern: Whether the Python classes that extern operators name may be imported.
        passes: What its networks go through before they are built, as `load` has it; None: what they went
            through in the run. Its checkpoints are read whatever the passes.

    Raises:
        HnasError: It is no run folder; the message says what is missing (E0602).
    """
    folder = RunFolder.open(Path(path), None)
    if passes is not None:
        chosen(passes)  # says what is wrong before anything is built
    return Run(folder.path, folder, allow_extern, passes)


# --- what the commands share -----------------------------------------------------------------------


def unchanged(
    folder: RunFolder, allow_extern: bool = False, passes: Asked = None, recompute: tuple[str, ...] = ()
) -> Compilation:
    """The run's spec, of a training with its network, if it still is what the run began with.

    Args:
        folder: The run's.
        allow_extern, passes, recompute: As of `Compilation`; without passes those of the run.

    Raises:
        HnasError: It is not (E0607), or run.json cannot be read (E0602).
    """
    training = folder.record.kind == "train"
    path = folder.network if training else folder.spec
    asked = folder.record.passes if passes is None else passes
    compilation = Compilation(
        path, trained=training, allow_extern=allow_extern, passes=asked, recompute=recompute
    )
    folder.refuse_changed(digests_of(folder, compilation))
    return compilation


def digests_of(folder: RunFolder, compilation: Compilation) -> dict[str, str]:
    """The digests of a run: those of its space, and of a training one of the network's file."""
    found = attrs.asdict(compilation.digests)
    if compilation.trained:
        found["network"] = hashlib.sha256(folder.network.read_bytes()).hexdigest()[:16]
    return found


def newest(folder: RunFolder) -> tuple[int, Mapping[str, Any], tuple[Diagnostic, ...]]:
    """Step and state of a run's newest checkpoint that can be read, and warnings about damaged ones.

    Raises:
        HnasError: There is none (E0605), or it belongs to another run (E0606).
    """
    from hnas.engine.checkpoint import Checkpoints

    return Checkpoints(folder.checkpoints, folder.record.binding).load_latest()


def weights_of(table: DecisionTable, state: Mapping[str, Any]) -> Mapping[str, tuple[float, ...]]:
    """For every group, the weights of its options in the state of a checkpoint."""
    from hnas.runtime.arch import ArchParams

    with _generator_kept():
        arch = ArchParams.of_state(table, state["model"])
    return {group: tuple(map(float, weight.detach())) for group, weight in arch.weights().items()}


@contextmanager
def _generator_kept() -> Generator[None]:
    """Leave torch's generator as it was: whoever looks at a run may be in the middle of something."""
    import torch

    before = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(before)
