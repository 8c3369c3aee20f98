"""A search's run folder as an object, finished or not: it is read, never written to, and not locked."""

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
from hnas.diag import Diagnostic
from hnas.engine.log import MetricsLog
from hnas.engine.run import RunFolder, RunRecord
from hnas.ir.decisions import Architecture, DecisionTable
from hnas.passes.pipeline import Asked, chosen

if TYPE_CHECKING:
    from hnas.runtime.supernet import SuperNet


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
    """A search that runs or has run. What a search goes on writing is read anew each time it is asked for."""

    path: Path
    _folder: RunFolder = field(repr=False)
    _allow_extern: bool = field(default=False, repr=False)
    _passes: Asked = field(default=None, repr=False)

    @property
    def record(self) -> RunRecord:
        """run.json: versions, command line, profile, seed, device, options.

        Raises:
            HnasError: It cannot be read (E0602).
        """
        return self._folder.record

    @cached_property
    def space(self) -> SearchSpace:
        """The space with the settings it is searched with: of the resolved spec in the folder.

        Raises:
            HnasError: The spec was changed since the run began (E0607).
        """
        passes = self.record.passes if self._passes is None else self._passes
        compilation = unchanged(self._folder)
        return SearchSpace(attrs.evolve(compilation, allow_extern=self._allow_extern, passes=passes))

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
        """Whether every step that was asked for is made and measured, and found.hnas is written.

        Raises:
            HnasError: run.json cannot be read (E0602).
        """
        last = self.steps.last
        return last is not None and self._folder.found.is_file() and last in self._logged("validation")

    def _logged(self, *phases: str) -> list[int]:
        """The steps of the rows of metrics, of all phases or some."""
        rows = [row for row in self.metrics() if not phases or row.get("phase") in phases]
        return [int(row["step"]) for row in rows if "step" in row]

    def metrics(self) -> tuple[Mapping[str, Any], ...]:
        """The rows of metrics.jsonl so far, without one that is half written.

        `step` and `epoch` count from 1; `phase` is `search` or `validation`; losses are means since the row
        before.
        """
        return tuple(MetricsLog(self._folder.metrics).rows())

    @property
    def architecture(self) -> Architecture | None:
        """The one of found.hnas; None before there is one. `hnas decode` writes it at any time.

        Raises:
            HnasError: The file was changed and is no network of the space.
        """
        return self.space.read(self._folder.found) if self._folder.found.is_file() else None

    def weights(self) -> Mapping[str, tuple[float, ...]]:
        """What every group of choices weighs its options with: alpha and beta of the newest checkpoint.

        By the group's id, in the order of its options; they sum to 1, but for moves or options that are
        weighed independently (Auto-DeepLab, Liu et al., CVPR 2019, Eq. 3 and 7).

        Raises:
            HnasError: There is no checkpoint that can be read (E0605), or the spec was changed (E0607).
        """
        table = self.space.compilation.decisions
        return weights_of(table, self._newest())

    def supernet(self) -> "SuperNet":
        """The super-network with the weights of the newest checkpoint, on the processor.

        It is in training mode, as any new module. Images (N, 3, H, W) to scores (N, classes, H, W).

        Raises:
            HnasError: There is no checkpoint that can be read (E0605), or the spec was changed (E0607).
        """
        state, space = self._newest(), self.space
        with _generator_kept():  # the weights it begins with are drawn for nothing
            model = space.supernet()
        model.load_state_dict(state["model"])
        return model

    def _newest(self) -> Mapping[str, Any]:
        _, state, damaged = newest(self._folder)
        for each in damaged:
            warn(each.message, stacklevel=3)
        return state


def open(path: Path | str, *, allow_extern: bool = False, passes: Asked = None) -> Run:
    """The run in a folder that `hnas search` made, while it is searched or afterwards. Nothing is unpickled.

    Args:
        path: The folder, runs/SPEC-DATE-TIME.
        allow_extern: Whether the Python classes that extern operators name may be imported.
        passes: What its networks go through before they are built, as `load` has it; None: what they went
            through in the run. Its checkpoints are read whatever the passes.

    Raises:
        HnasError: It is no run folder; the message says what is missing (E0602).
    """
    folder = RunFolder.open(Path(path))
    if passes is not None:
        chosen(passes)  # says what is wrong before anything is built
    return Run(folder.path, folder, allow_extern, passes)


# --- what decoding shares --------------------------------------------------------------------------


def unchanged(folder: RunFolder) -> Compilation:
    """The run's spec, if it still is the one the run began with.

    Raises:
        HnasError: It is not (E0607), or run.json cannot be read (E0602).
    """
    compilation = Compilation(folder.spec)
    folder.refuse_changed(attrs.asdict(compilation.digests))
    return compilation


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
