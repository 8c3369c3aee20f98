import signal
import subprocess
import sys
import threading

import pytest

from hnas.engine.loop import Every, Rate, Stopper


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- Stopper ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_asks_to_stop_and_raises_nothing(number: signal.Signals, code: int) -> None:
    with Stopper() as stopper:
        assert stopper.signal is None
        assert stopper.exit_code == 0
        signal.raise_signal(number)
        assert stopper.signal == number
        assert stopper.exit_code == code


def test_a_repeated_sigterm_changes_nothing() -> None:
    with Stopper() as stopper:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stopper.exit_code == 143


def test_the_handlers_that_were_there_come_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with Stopper():
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before
    with pytest.raises(KeyError), Stopper():
        raise KeyError
    assert [signal.getsignal(number) for number in numbers] == before


def test_what_was_asked_is_known_after_the_loop() -> None:
    with Stopper() as stopper:
        signal.raise_signal(signal.SIGINT)
    assert stopper.exit_code == 130


def test_outside_the_main_thread_it_leaves_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Stopper() as stopper:
            seen.append((stopper.signal, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


SCRIPT = """
import hashlib, os, signal, threading, time
from hnas.engine.loop import Stopper

def press():
    os.kill(os.getpid(), signal.{first})
    while stopper.signal is None:  # two signals pending at once come as one, or in another order
        time.sleep(0.01)
    print("the step goes on", flush=True)
    os.kill(os.getpid(), signal.SIGINT)

with Stopper("hnas search --resume run") as stopper:
    threading.Timer(0.2, press).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 500_000_000)  # minutes in which no handler of Python runs
    print("never", flush=True)
"""


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_second_ctrl_c_ends_at_once_also_while_a_kernel_runs(first: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 130
    assert done.stdout == "the step goes on\n"
    assert "stops after this step, with a checkpoint; Ctrl-C again ends at once" in done.stderr
    assert "go on from the last checkpoint with: hnas search --resume run" in done.stderr
    assert "Traceback" not in done.stderr


# --- Every -----------------------------------------------------------------------------------------


def test_every_is_due_once_in_so_many_seconds() -> None:
    clock = Clock()
    every = Every(10, clock)
    due = []
    for _ in range(35):
        clock.now += 1
        due.append(every.due())
    assert [second for second, is_due in enumerate(due, 1) if is_due] == [10, 20, 30]


def test_every_counts_from_when_it_was_due_last() -> None:
    clock = Clock()
    every = Every(10, clock)
    clock.now += 25
    assert every.due()
    clock.now += 9
    assert not every.due()
    clock.now += 1
    assert every.due()


def test_every_zero_seconds_is_always_due() -> None:
    every = Every(0, Clock())
    assert every.due()
    assert every.due()


# --- Rate ------------------------------------------------------------------------------------------


def ticked(rate: Rate, clock: Clock, *seconds: float) -> None:
    for spent in seconds:
        clock.now += spent
        rate.tick()


def test_before_the_second_step_there_is_no_rate() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert (rate.per_second, rate.left(10)) == (0.0, None)
    rate.tick()
    assert (rate.per_second, rate.left(10)) == (0.0, None)


def test_a_steady_pace_is_told_exactly() -> None:
    clock = Clock()
    rate = Rate(clock)
    ticked(rate, clock, *[0.25] * 9)
    assert rate.per_second == pytest.approx(4)
    assert rate.left(100) == pytest.approx(25)
    assert rate.left(0) == 0


def test_a_new_pace_counts_a_twentieth_a_step() -> None:
    clock = Clock()
    rate = Rate(clock)
    ticked(rate, clock, 1, 1, 3)
    assert rate.per_second == pytest.approx(1 / (0.95 * 1 + 0.05 * 3))
    ticked(rate, clock, *[3] * 300)
    assert rate.per_second == pytest.approx(1 / 3)


def test_a_pause_does_not_count() -> None:
    clock = Clock()
    rate = Rate(clock)
    ticked(rate, clock, 1, 1, 1)
    clock.now += 500
    rate.pause()
    ticked(rate, clock, 1)
    assert rate.per_second == pytest.approx(1)


def test_a_pause_before_the_first_step_changes_nothing() -> None:
    clock = Clock()
    rate = Rate(clock)
    rate.pause()
    clock.now += 500
    ticked(rate, clock, 7, 2)
    assert rate.per_second == pytest.approx(1 / 2)
