import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from hnas.diag import Diagnostic
from hnas.engine.settings import (
    choose_threads,
    is_out_of_memory,
    kept_random_states,
    random_states,
    resolve_device,
    seed_everything,
    set_random_states,
)

Refused = Callable[[Callable[[], object]], Diagnostic]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def everything_back() -> Iterator[None]:
    """Threads and random states are global: put them back."""
    threads, states = torch.get_num_threads(), random_states()
    yield
    torch.set_num_threads(threads)
    set_random_states(states)


def draw() -> list[float]:
    """A number of every global generator, by every method that keeps a value for the next call."""
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.random(),
        np.random.standard_normal(),
        float(torch.rand(())),
        float(torch.randn(())),
    ]


def drawn_after(states: dict[str, Any]) -> list[float]:
    set_random_states(states)
    return draw()


# --- devices ---------------------------------------------------------------------------------------


def test_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == CPU


def test_auto_is_the_cpu_where_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == CPU


@pytest.mark.parametrize(
    ("name", "device"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")]
)
def test_with_two_gpus(monkeypatch: pytest.MonkeyPatch, name: str, device: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device(name) == torch.device(device)


@pytest.mark.parametrize("name", ["tpu", "", "CPU", "cpu:1", "cuda:99", "cuda:x", "cuda:-1", "gpu"])
def test_an_unknown_device_is_refused_with_those_there_are(name: str, refused: Refused) -> None:
    fault = refused(lambda: resolve_device(name))
    assert fault.code == "E0702"
    assert fault.message == f"there is no device {name} here"
    assert fault.help_text.startswith("there are: auto, cpu")


# --- threads ---------------------------------------------------------------------------------------


def nothing(_limit: float | None) -> None:
    pass


def test_a_number_of_threads_is_taken_without_measuring() -> None:
    def never(_limit: float | None) -> None:
        pytest.fail("measured")

    for threads in (3, 1):
        choice = choose_threads(str(threads), CPU, never)
        assert (choice.threads, choice.seconds) == (threads, {})
        assert torch.get_num_threads() == threads


def test_what_was_measured_and_chosen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(2)), raising=False)
    tried = []
    choice = choose_threads("auto", CPU, lambda _limit: tried.append(torch.get_num_threads()))
    assert set(tried) == {1, 2}
    assert set(choice.seconds) == {"1", "2"}
    assert choice.threads in (1, 2)
    assert torch.get_num_threads() == choice.threads


def test_a_candidate_that_gives_up_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(2)), raising=False)

    def slow_with_two(_limit: float | None) -> None:
        if torch.get_num_threads() == 2:
            raise TimeoutError

    choice = choose_threads("auto", CPU, slow_with_two)
    assert choice.threads == torch.get_num_threads() == 1
    assert choice.seconds["2"] == -1


@pytest.mark.parametrize("cores", [1, 2])
def test_choosing_threads_touches_no_random_state(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    seed_everything(3)
    random.gauss(0, 1)
    states = random_states()
    expected = drawn_after(states)
    set_random_states(states)
    choose_threads("auto", CPU, lambda _limit: seed_everything(99))
    assert draw() == expected


def test_on_one_core_and_on_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_limit: float | None) -> None:
        pytest.fail("measured")

    before = torch.get_num_threads()
    assert choose_threads("auto", torch.device("cuda"), never).threads == before
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert choose_threads("auto", CPU, never).threads == before
    assert torch.get_num_threads() == before


# --- random states ---------------------------------------------------------------------------------


def test_random_states_come_back_with_values_kept_for_the_next_call() -> None:
    seed_everything(11)
    # gauss and standard_normal make two numbers and keep one; so does a leading odd draw
    random.gauss(0, 1)
    np.random.standard_normal()
    torch.randn(3)
    states = random_states()
    expected = draw()
    seed_everything(5)
    draw()
    assert drawn_after(states) == expected
    assert drawn_after(states) == expected


def test_taking_the_states_draws_nothing() -> None:
    seed_everything(11)
    expected = draw()
    seed_everything(11)
    random_states()
    assert draw() == expected


def test_a_seed_decides_all_three_generators() -> None:
    seed_everything(1)
    first = draw()
    seed_everything(2)
    other = draw()
    seed_everything(1)
    assert draw() == first
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("seed", [0, 2**32, 2**63 - 1])
def test_large_seeds_are_taken(seed: int) -> None:
    seed_everything(seed)
    first = draw()
    seed_everything(seed)
    assert draw() == first


def test_states_are_kept_even_when_the_block_fails() -> None:
    seed_everything(4)
    states = random_states()
    expected = drawn_after(states)
    set_random_states(states)
    with pytest.raises(KeyError), kept_random_states():
        draw_and_fail()
    assert draw() == expected


def draw_and_fail() -> None:
    draw()
    raise KeyError


# --- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_faults(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
