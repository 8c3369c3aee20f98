"""Checkpoints: written atomically, the last two kept, read without unpickling any code.

A file is what torch.save makes of tensors, numbers, strings and containers, followed by a SHA-256 of
it all: torch checks no sums of tensor data, and a flipped bit must not go unnoticed.
"""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from attrs import define

from hnas.diag import Diagnostic, HnasError, InternalError, Note
from hnas.engine.errors import DamagedCheckpoint, NoCheckpoint, OtherRun
from hnas.engine.files import write_atomically

State = dict[str, Any]
_MAGIC = b"hnas-ckpt1"
_PLAIN = (bool, int, float, str)
"""Exactly these: torch refuses to read back what only looks like them, as numpy's numbers do."""


@final
@define
class Checkpoints:
    """The checkpoints of a run.

    Attributes:
        folder: Where they lie.
        digest: The run's digest; others are refused.
        keep: How many are kept.
    """

    folder: Path
    digest: str
    keep: int = 2

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write the state after `step` steps; older checkpoints go only when it is in place.

        Raises:
            HnasError: The disk is full; earlier checkpoints are untouched.
            InternalError: The state holds something that could not be read back.
        """
        for left in self.folder.glob(".*.part"):
            left.unlink(missing_ok=True)
        path = self.folder / f"step-{step:09d}.pt"
        self._write(path, step, state)
        # what is newer was found damaged, or the run would have gone on from there
        newer = [file for file in self.files() if file > path]
        kept = [file for file in self.files() if file <= path]
        for old in (*newer, *kept[: -self.keep]):
            old.unlink(missing_ok=True)
        return path

    def save_best(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write what was best so far, beside the checkpoints the run goes on from.

        Raises:
            HnasError: The disk is full; what was best before is untouched.
        """
        self._write(self.best, step, state)
        return self.best

    def _write(self, path: Path, step: int, state: Mapping[str, Any]) -> None:
        buffer = io.BytesIO()
        content = {"step": step, "digest": self.digest, "state": plain(state)}
        torch.save(content, buffer)
        data = buffer.getvalue()
        write_atomically(path, data + hashlib.sha256(data).digest() + _MAGIC)

    def load_best(self) -> tuple[int, State]:
        """Step and state of what was best.

        Raises:
            HnasError: There is none, it is damaged, or it belongs to another run.
        """
        if not self.best.is_file():
            raise HnasError(NoCheckpoint(None, path=str(self.folder.parent), why="there is no best one yet"))
        try:
            content = _read(self.best)
        except ValueError as error:
            why = f"{self.best.name} is damaged ({error})"
            raise HnasError(NoCheckpoint(None, path=str(self.folder.parent), why=why)) from None
        self._own(self.best, content)
        return int(content["step"]), content["state"]

    @property
    def best(self) -> Path:
        """The best one."""
        return self.folder / "best.pt"

    def _own(self, path: Path, content: State) -> None:
        if content["digest"] != self.digest:
            raise HnasError(OtherRun(None, path=str(path), given=str(content["digest"]), have=self.digest))

    def load_latest(self) -> tuple[int, State, tuple[Diagnostic, ...]]:
        """Step and state of the newest checkpoint that can be read, and warnings about damaged ones.

        Raises:
            HnasError: There is none, all are damaged, or it belongs to another run.
        """
        files = self.files()
        if not files:
            raise HnasError(NoCheckpoint(None, path=str(self.folder.parent), why="there is none yet"))
        warnings: list[DamagedCheckpoint] = []
        for path in reversed(files):
            try:
                content = _read(path)
            except ValueError as error:
                warnings.append(DamagedCheckpoint(None, path=str(path), why=str(error)))
                continue
            self._own(path, content)
            return int(content["step"]), content["state"], tuple(warnings)
        notes = tuple(Note(f"{d.path}: {d.why}") for d in warnings)
        why = "all of them are damaged"
        raise HnasError(NoCheckpoint(None, path=str(self.folder.parent), why=why, notes=notes))

    def files(self) -> list[Path]:
        """The checkpoints that are there, oldest first."""
        return sorted(self.folder.glob("step-*.pt"))


def _read(path: Path) -> State:
    """The content of a checkpoint file.

    Raises:
        ValueError: It is damaged; the message says how.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be read") from None
    body, tail = data[: -(32 + len(_MAGIC))], data[-(32 + len(_MAGIC)) :]
    if not tail.endswith(_MAGIC):
        raise ValueError("it is cut short")
    if hashlib.sha256(body).digest() != tail[:32]:
        raise ValueError("its checksum is wrong")
    try:
        content = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a checksummed file of another program makes torch say
        raise ValueError(f"it is no checkpoint ({type(error).__name__})") from None
    if not isinstance(content, dict) or not {"step", "digest", "state"} <= content.keys():
        raise ValueError("it is no checkpoint of hnas")
    return content


def plain(value: Any) -> Any:
    """`value` with plain containers only, as `weights_only=True` reads them back.

    Raises:
        InternalError: It holds anything but tensors, numbers, strings, None and containers of them.
    """
    if value is None or type(value) in _PLAIN:
        return value
    match value:
        case torch.Tensor():
            return value.detach()
        case Mapping():
            return {plain(key): plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case tuple():
            return tuple(plain(item) for item in value)
        case _:
            raise InternalError(f"a checkpoint cannot hold a {type(value).__name__}")
