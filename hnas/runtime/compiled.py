"""Passes of training through torch.compile: the whole network, forward and backward, as one graph.

torch's bytecode analysis cannot follow the records: our autograd Functions write into views of wide maps,
and recipes stand behind hooks of saved tensors, so that it breaks a pass into hundreds of graphs, slower
than none. It is given the pass as one call it does not look into (`allow_in_graph`); the autograd tracer
behind it follows the tensors. For that all a pass reads is handed to it: weights, running statistics,
constants. What is kept for backward is then torch's own choice.
"""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, final

import torch
from torch import Tensor

from hnas.diag import HnasError
from hnas.runtime.errors import CompileFails, NoCompiler
from hnas.runtime.lower import Network
from hnas.runtime.steps import Masked, Nested
from hnas.runtime.wide import Factors, Packed

Place = tuple[Any, Any]
"""Where a tensor stands: an object and the name of an attribute, or a container and a key."""


_NUMBERS = count()


def cpp_compiler() -> str | None:
    """The C++ compiler that torch.compile would use on a processor, as `CXX` names it or the system's."""
    return shutil.which(os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++"))


def refuse_without_compiler(device: torch.device) -> None:
    """Refuse to compile for a processor where there is no C++ compiler.

    Raises:
        HnasError: There is none (E0727).
    """
    if device.type == "cpu" and cpp_compiler() is None:
        raise HnasError(NoCompiler(None, name=os.environ.get("CXX", "g++")))


@final
class Compiled:
    """Compiled passes of a network that is trained, on images of one shape: those it is given first."""

    def __init__(self, network: Network, *, graphs: bool = False, backend: str = "inductor") -> None:
        """`graphs`: whether to replay CUDA graphs, which gradients must not be summed up over."""
        assert not network.segments, "what is kept for backward would be torch's own choice"
        self._network, self._graphs, self._backend = network, graphs, backend
        self._shape: torch.Size | None = None
        self._passes: dict[tuple[bool, bool], Any] = {}
        self._names = tuple(network.groups)
        self._places = [*_weights(network), *_statistics(network)]
        self._indexed = [step for step in network.steps if isinstance(step, Factors)]
        for step in network.steps:
            if isinstance(step, Packed):
                step.layout.forgets = True

    def fits(self, images: Tensor) -> bool:
        """Whether these are passed through what is compiled; others take the plain way."""
        if self._shape is None:
            self._shape = images.shape
        return images.shape == self._shape

    def __call__(
        self, images: Tensor, weights: Mapping[str, Tensor] | None, dropped: Tensor | None, aux: bool
    ) -> tuple[Tensor, ...]:
        """The result of a pass in training, and with `aux` that of the auxiliary head.

        Raises:
            HnasError: torch cannot compile it (E0728), or the pass itself fails.
        """
        given = [(weights or {})[name] for name in self._names]
        for step in self._indexed:
            step.prepare({name: len(weight) for name, weight in zip(self._names, given, strict=True)})
        # norms move their statistics or not: that is another graph
        key = aux, self._network.updates
        if key not in self._passes:
            self._passes[key] = next(_NUMBERS), self._compile(aux)
        number, passed = self._passes[key]
        read = [*self._places, *_constants(self._network)]
        tensors = [_get(place) for place in read]
        # what torch's tracer warns of is its own doing
        with _faults(), warnings.catch_warnings(action="ignore"):
            return passed(number, tensors, images, given, dropped)

    def _compile(self, aux: bool) -> Any:
        network = self._network

        def plain(
            tensors: Sequence[Tensor], images: Tensor, given: Sequence[Tensor], dropped: Tensor | None
        ) -> tuple[Tensor, ...]:
            places = [*self._places, *_constants(network)]
            with _put(places, tensors):
                weights = dict(zip(self._names, given, strict=True))
                return network.traced(images, weights, dropped, aux=aux)

        traced: Any = torch.compiler.allow_in_graph(plain)

        # torch tells graphs apart by what it is given, not by what `traced` is: hence a number
        def passed(
            number: int,
            tensors: Sequence[Tensor],
            images: Tensor,
            given: Sequence[Tensor],
            dropped: Tensor | None,
        ) -> tuple[Tensor, ...]:
            assert number >= 0
            return traced(tensors, images, given, dropped)

        if self._backend != "inductor":
            return torch.compile(passed, fullgraph=True, dynamic=False, backend=self._backend)
        _own_cache()
        # the same draws as without
        options: dict[str, Any] = {"fallback_random": True, "triton.cudagraphs": self._graphs}
        return torch.compile(passed, fullgraph=True, dynamic=False, options=options)


# --- what a pass reads -----------------------------------------------------------------------------


def _weights(network: Network) -> Iterator[Place]:
    tied = {id(one) for stats in network.statistics for alike in stats.members for one in alike}
    for module in network.modules():
        yield from ((module._parameters, name) for name, p in module._parameters.items() if p is not None)
        # running statistics that lie together are handed over together: two names of one memory
        # cost copies
        if id(module) not in tied:
            yield from ((module._buffers, name) for name, b in module._buffers.items() if b is not None)


def _statistics(network: Network) -> Iterator[Place]:
    for stats in network.statistics:
        yield stats, "mean"
        yield stats, "var"


def _constants(network: Network) -> Iterator[Place]:
    for step in network.steps:
        match step:
            case Factors():
                yield step, "index"
            case Nested():
                yield step, "masks"
            case Masked():
                yield from ((step.live, n) for n, each in enumerate(step.live) if each is not None)
            case _:
                pass


def _get(place: Place) -> Tensor:
    holder, key = place
    return holder[key] if isinstance(holder, dict | list) else getattr(holder, key)


def _set(place: Place, value: Tensor) -> None:
    holder, key = place
    if isinstance(holder, dict | list):
        holder[key] = value
    else:
        setattr(holder, key, value)


@contextmanager
def _put(places: Sequence[Place], tensors: Sequence[Tensor]) -> Iterator[None]:
    """These tensors stand in these places while it is entered."""
    before = [_get(place) for place in places]
    for place, tensor in zip(places, tensors, strict=True):
        _set(place, tensor)
    try:
        yield
    finally:
        for place, tensor in zip(places, before, strict=True):
            _set(place, tensor)


# --- around torch.compile --------------------------------------------------------------------------


@contextmanager
def _faults() -> Iterator[None]:
    """What the network itself says is wrong, or that it cannot be compiled, as a diagnostic."""
    try:
        yield
    except HnasError:
        raise
    except Exception as error:
        chain = list(_chain(error))
        for each in chain:
            if isinstance(each, HnasError):
                raise each from None
        torchs = [e for e in chain if type(e).__module__.startswith(("torch._dynamo", "torch._inductor"))]
        if not torchs:
            raise
        first = getattr(torchs[0], "inner_exception", None) or torchs[0]
        why = str(first).strip().partition("\n")[0].rstrip(".")
        raise HnasError(CompileFails(None, why=why)) from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those it was raised from."""
    while error is not None:
        yield error
        error = getattr(error, "inner_exception", None) or error.__cause__ or error.__context__


def _own_cache() -> None:
    """What is compiled lies in a folder of this process and goes with it; unless the user names another.

    Nothing that another process left is loaded.
    """
    if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="hnas-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
