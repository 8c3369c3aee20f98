"""The run folder: everything a search leaves behind, and what is needed to go on with it."""

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast, final

import attrs
from attrs import define, field, frozen

from hnas.diag import HnasError
from hnas.engine.errors import NoRun, RunBusy, RunExists, SpecChanged
from hnas.engine.files import empty_folder, no_room, write_atomically

Kind = Literal["search", "train"]
"""What a run does: the command that made it."""

_FORMAT = 1
_BOUND = {"choices": "choices", "weights": "weights", "run": "settings", "network": "choices"}
"""What a run is bound to by digests, as messages call it."""
_KINDS: dict[str, type] = {
    "seed": int,
    "threads": int,
    "device": str,
    "profile": str,
    "spec": str,
    "digests": dict,
    "data": dict,
    "measured": dict,
    "options": dict,
    "kind": str,
    "network": str,
    "steps": int,
    "kernels": str,
    "compile": str,
}


@final
@frozen(kw_only=True)
class RunRecord:
    """run.json: what a run was made with.

    Attributes:
        hnas, python, torch: Versions.
        command: The command line.
        started: When, local time, ISO 8601.
        spec: The file that was searched.
        profile: The profile laid over it.
        seed: The seed of everything random.
        device: Where it runs.
        threads: Threads of torch on the processor.
        kernels: What the run began to compute with: `C`, where kernels in C do what they can, or `torch`;
            empty where none are asked for, without passes or on a GPU.
        compile: `on` where torch compiles the passes of training, `off` where not; empty before it is known.
        digests: choices, weights and run.
        data: The data set's name and folder; no folder for a generated one.
        measured: What was chosen by measuring, with the figures.
        options: --max-steps and the like, by name.
        steps: Weight steps of all epochs; 0 before they are known.
        notes: What a reader should know, a sentence each.
        kind: `search` or `train`.
        network: The name of the network that is trained.
    """

    hnas: str
    python: str
    torch: str
    command: tuple[str, ...]
    started: str
    spec: str
    profile: str
    seed: int
    device: str
    threads: int
    digests: Mapping[str, str]
    data: Mapping[str, str]
    measured: Mapping[str, float] = field(factory=dict[str, float])
    options: Mapping[str, int | float | str] = field(factory=dict[str, int | float | str])
    steps: int = 0
    notes: tuple[str, ...] = ()
    kind: Kind = "search"
    network: str = ""
    kernels: str = ""
    compile: str = ""

    @property
    def binding(self) -> str:
        """What a checkpoint belongs to: the resolved spec, which names its data set, and the seed.

        Of a network that is trained, its choices too.
        """
        network = self.digests.get("network")
        return f"{self.digests.get('run', '')}{f'-{network}' if network else ''}-{self.seed}"

    @property
    def passes(self) -> str | None:
        """The passes of its networks, with commas between them; None of a run older than passes."""
        found = self.options.get("passes")
        return found if isinstance(found, str) else None

    @property
    def memory(self) -> int | None:
        """Bytes the run keeps to; None where it was not told to."""
        found = self.options.get("memory")
        return found if isinstance(found, int) else None

    @property
    def recompute(self) -> tuple[str, ...]:
        """Parts of its network that backward computes again."""
        found = self.options.get("recompute")
        return tuple(found.split(",")) if isinstance(found, str) and found else ()

    @property
    def wanted_kernels(self) -> Literal["auto", "off"]:
        """What to compute with to compute as the run does, as `--kernels` has it."""
        return "off" if self.kernels == "torch" or self.options.get("kernels") == "off" else "auto"

    def to_json(self) -> str:
        """The record as the text of run.json."""
        return json.dumps({"format": _FORMAT, **attrs.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record of a run.json.

        Raises:
            ValueError: It is not one, or of a newer format.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or "format" not in content:
            raise ValueError("run.json is not a run's")
        fields = cast(dict[str, Any], content)
        if fields.pop("format") != _FORMAT:
            raise ValueError("run.json is of another version of hnas")
        known = {a.name: a.default is attrs.NOTHING for a in attrs.fields(cls)}
        missing = [name for name, needed in known.items() if needed and name not in fields]
        if missing:
            raise ValueError(f"run.json lacks {', '.join(missing)}")
        kept = {name: value for name, value in fields.items() if name in known}
        kept["command"], kept["notes"] = tuple(kept["command"]), tuple(kept.get("notes", ()))
        for name, kind in _KINDS.items():
            if not isinstance(kept.get(name, kind()), kind):
                raise ValueError(f"{name} in run.json is no {kind.__name__}")
        return cls(**kept)


@final
@define
class RunFolder:
    """A run's files. Used as a context manager it is locked against other writers."""

    path: Path
    _lock: int | None = field(default=None, init=False)

    @classmethod
    def create(cls, out: Path | None, spec: str, now: datetime) -> "RunFolder":
        """A new folder: `out`, or runs/SPEC-DATE-TIME below the current one.

        Raises:
            HnasError: `out` is there and not empty, or cannot be made.
        """
        if out is not None:
            empty_folder(out, RunExists(None, path=str(out)))
            path = out
        else:
            base = Path("runs") / f"{spec}-{now:%Y%m%d-%H%M%S}"
            path, number = base, 2
            while True:
                with no_room(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        path.mkdir()
                        break
                    except FileExistsError:
                        path, number = base.with_name(f"{base.name}-{number}"), number + 1
        folder = cls(path)
        with no_room(path):
            folder.checkpoints.mkdir()
        return folder

    @classmethod
    def open(cls, path: Path, kind: Kind | None = "search") -> "RunFolder":
        """The folder of an earlier run of a kind; None: of any.

        Raises:
            HnasError: It is none; the message says what is missing.
        """
        made = f"hnas {kind}" if kind is not None else "hnas search or hnas train"
        if not path.is_dir():
            why = "it is a file" if path.exists() else "there is no such folder"
            raise HnasError(NoRun(None, path=str(path), why=why, made=made))
        folder = cls(path)
        for part in (folder.record_file, folder.spec):
            if not part.is_file():
                raise HnasError(NoRun(None, path=str(path), why=f"it has no {part.name}", made=made))
        if kind is not None:
            folder.refuse_other(kind)
        return folder

    def refuse_other(self, kind: Kind) -> None:
        """Refuse what runs of another kind do not have.

        Raises:
            HnasError: The run is not of this kind (E0602), or run.json cannot be read.
        """
        have = self.record.kind
        if have != kind:
            why = f"hnas {have} made it"
            raise HnasError(NoRun(None, path=str(self.path), why=why, made=f"hnas {kind}"))

    @property
    def spec(self) -> Path:
        """The resolved spec."""
        return self.path / "spec.hnas"

    @property
    def record_file(self) -> Path:
        """run.json."""
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def events(self) -> Path:
        """TensorBoard's events."""
        return self.path / "events"

    @property
    def checkpoints(self) -> Path:
        """The checkpoints."""
        return self.path / "checkpoints"

    @property
    def network(self) -> Path:
        """The network that is trained."""
        return self.path / "network.hnas"

    @property
    def result(self) -> Path:
        """result.json: the figures a training ended with."""
        return self.path / "result.json"

    @property
    def found(self) -> Path:
        """The architecture that was found."""
        return self.path / "found.hnas"

    @property
    def record(self) -> RunRecord:
        """What run.json says.

        Raises:
            HnasError: It cannot be read.
        """
        try:
            return RunRecord.from_json(self.record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError) as error:
            why = f"run.json cannot be read ({error})"
            raise HnasError(NoRun(None, path=str(self.path), why=why)) from None

    def refuse_changed(self, have: Mapping[str, str]) -> None:
        """Refuse to go on with files that are not those the run began with; `have` are their digests now.

        Raises:
            HnasError: One of them is another one (E0607), or run.json cannot be read (E0602).
        """
        began = self.record.digests
        changed = [name for name in _BOUND if began.get(name) != have.get(name)]
        if changed:
            path = self.network if changed == ["network"] else self.spec
            which = " and ".join(dict.fromkeys(_BOUND[name] for name in changed))
            raise HnasError(SpecChanged(None, path=str(path), which=which))

    def write_record(self, record: RunRecord) -> None:
        """Write run.json."""
        write_atomically(self.record_file, record.to_json().encode())

    def __enter__(self) -> Self:
        with no_room(self.path):
            self._lock = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR)
        try:
            # the system lets go of it when the process ends, however it ends
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = None
            raise HnasError(RunBusy(None, path=str(self.path))) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
