"""What every long loop needs: a stop that finishes the step, timers, a rate, someone to report to."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Protocol, Self, final

from attrs import define, field, frozen

from hnas.diag import Diagnostic

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@final
class Stopper:
    """The first Ctrl-C, SIGTERM or SIGHUP asks the loop to stop after its step; a second Ctrl-C ends at once.

    A thread of its own hears the signals: a handler in Python waits until a kernel that runs is done,
    which may take minutes.

    Attributes:
        signal: The signal that asked, None while nothing did.
    """

    def __init__(self, again: str = "") -> None:
        """`again` is the command that goes on with what was stopped, for the message."""
        self.signal: int | None = None
        self._again = again
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._pipe = os.pipe()
            os.set_blocking(self._pipe[1], False)
            threading.Thread(target=self._listen, args=(self._pipe[0],), daemon=True).start()
            self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            for number in _ASKING:
                self._before[number] = signal.signal(number, self._asked)
        return self

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number

    def _listen(self, pipe: int) -> None:
        """React to each signal as it comes, while the main thread computes."""
        heard = 0
        # plain writes: whatever holds the terminal may be in the midst of one
        while (number := os.read(pipe, 1)[0]) != 0:
            if number not in _ASKING:
                continue  # every signal with a handler in Python comes this way, as SIGCHLD of workers
            heard += 1
            if heard == 1:
                self.signal = number
                _write("\nstops after this step, with a checkpoint; Ctrl-C again ends at once\n")
            elif number == signal.SIGINT:
                again = f"; go on from the last checkpoint with: {self._again}" if self._again else ""
                _write(f"\nended at once{again}\n")
                os._exit(130)
        os.close(pipe)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._wakeup)
            os.write(self._pipe[1], b"\0")
            os.close(self._pipe[1])
            self._pipe = None

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal ended: 128 + its number; 0 without one."""
        return 0 if self.signal is None else 128 + self.signal


def _write(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


@final
@define
class Every:
    """Whether `seconds` have passed since it last said so."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._last = self.clock()

    def due(self) -> bool:
        """True once every `seconds`."""
        now = self.clock()
        if now - self._last < self.seconds:
            return False
        self._last = now
        return True


@final
@define
class Rate:
    """Steps a second, smoothed over the last dozens, and the time left."""

    clock: Callable[[], float] = time.monotonic
    _last: float | None = None
    _seconds: float | None = None

    def tick(self) -> None:
        """A step is done."""
        now = self.clock()
        if self._last is not None:
            spent = now - self._last
            self._seconds = spent if self._seconds is None else 0.95 * self._seconds + 0.05 * spent
        self._last = now

    def pause(self) -> None:
        """What follows is no step: validation, a checkpoint."""
        self._last = self.clock() if self._last is not None else None

    @property
    def per_second(self) -> float:
        """Steps a second; 0 before the second one."""
        return 1 / self._seconds if self._seconds else 0.0

    def left(self, steps: int) -> float | None:
        """Seconds that `steps` more will take."""
        return steps * self._seconds if self._seconds else None


@final
@frozen
class Progress:
    """Where a loop is.

    Attributes:
        step, steps: Done, and planned in all.
        epoch, epochs: The same for epochs, the current one from 1.
        rate: Steps a second.
        left: Seconds left, where that can be told.
        values: Figures by name, for the line of numbers.
        text: The path that would be decoded now, or another line.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    rate: float
    left: float | None
    values: Mapping[str, float]
    text: str = ""


class Reporter(Protocol):
    """Who a loop tells what it does. Nothing it does may change the course of the loop."""

    def started(self, facts: Mapping[str, str]) -> None:
        """What is about to run, by name."""
        ...

    def progress(self, progress: Progress) -> None:
        """After every step."""
        ...

    def message(self, text: str) -> None:
        """A sentence."""
        ...

    def warning(self, diagnostic: Diagnostic) -> None:
        """A warning."""
        ...
