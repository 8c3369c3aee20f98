"""A search space as an object: exact counts, numbered architectures, neighbours, costs, networks."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from operator import index as whole
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, final

import attrs
from attrs import define, frozen

from hnas.api.files import printable, use_of, write_new
from hnas.api.networks import network_block
from hnas.compiler import Compilation
from hnas.diag import Diagnostic, HnasError, Sink, Span
from hnas.ir.cost import Cost
from hnas.ir.count import Counts
from hnas.ir.decisions import Architecture, Decision
from hnas.ir.errors import NoNeighbour, NoSuchNumber, NotOfSpace
from hnas.ir.near import Near, canonical
from hnas.ir.numbers import spell_count
from hnas.ir.ranking import Ranking
from hnas.ir.ways import OutsideError
from hnas.lang import ast
from hnas.passes.pipeline import Asked

if TYPE_CHECKING:
    from hnas.runtime.lower import Network
    from hnas.runtime.supernet import SuperNet


@final
@frozen
class Location:
    """An architecture and its number in a space."""

    architecture: Architecture
    index: int


@final
@define(frozen=True, slots=False, eq=False, repr=False)
class SearchSpace:
    """A space with its architectures, which have the numbers 0 to count() - 1.

    An architecture is the choices that matter in it. Where `take = slots(n)` counts an order, two orders
    are two architectures, with different numbers, that are the same network: see `same`. Architectures
    of other spaces are refused with HnasError E1002 wherever one is asked for.

    Attributes:
        compilation: The spec on its way to a network: graph, digests, resolved text.
    """

    compilation: Compilation

    def __repr__(self) -> str:
        return f"<SearchSpace {self.name}, profile {self.profile}>"

    # --- what it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name in the spec."""
        return self.compilation.space.name

    @property
    def profile(self) -> str:
        """The profile laid over the spec; `paper` is the spec as it stands."""
        return self.compilation.spec.profile

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What is chosen, in the order of the spec; moves of the trellis stand among them."""
        return self.compilation.decisions.decisions

    @property
    def counts(self) -> Counts:
        """Exact numbers of paths, cells and architectures.

        Raises:
            HnasError: Counting would need more than 10^7 states (E0321).
        """
        return self.compilation.counts

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What the compiler remarked so far that is no error."""
        return tuple(self.compilation.warnings)

    def count(self) -> int:
        """How many architectures, exactly; the numbers of architectures are below it.

        Raises:
            HnasError: Counting would need more than 10^7 states (E0321).
        """
        return self._ranking.count

    @cached_property
    def _ranking(self) -> Ranking:
        return Ranking(self.compilation.decisions)

    @cached_property
    def _near(self) -> Near:
        return Near(self.compilation.decisions)

    # --- numbers ---------------------------------------------------------------------------------

    def sample(self, n: int, seed: int = 0) -> tuple[Architecture, ...]:
        """`n` architectures, each drawn uniformly from the whole space, with replacement.

        The same seed draws the same on every machine; the first of a larger sample are the smaller one.

        Raises:
            ValueError: `n` is negative.
        """
        if n < 0:
            raise ValueError(f"n = {n} is negative")
        return tuple(found.architecture for found in islice(self.samples(seed), whole(n)))

    def samples(self, seed: int = 0) -> Iterator[Location]:
        """The same draws without an end, with their numbers."""
        random, ranking = Random(whole(seed)), self._ranking
        while True:
            index = random.randrange(ranking.count)
            yield Location(ranking.unrank(index), index)

    def unrank(self, index: int) -> Architecture:
        """The architecture with a number.

        Raises:
            HnasError: `index` is below 0 or not below `count()` (E1001).
        """
        index = whole(index)
        try:
            return self._ranking.unrank(index)
        except IndexError:
            last = spell_count(self.count() - 1)
            raise HnasError(NoSuchNumber(None, index=spell_count(index), last=last)) from None

    def rank(self, architecture: Architecture) -> int:
        """The number of an architecture.

        Raises:
            HnasError: It is not of this space; the error names the decision (E1002).
        """
        return self._rank(architecture, None)

    def _rank(self, architecture: Architecture, span: Span | None) -> int:
        known = self.compilation.decisions.by_id
        try:
            for id in architecture.picks:
                if id not in known:
                    raise OutsideError(id, "there is no such decision")
            return self._ranking.rank(architecture)
        except OutsideError as error:
            raise HnasError(NotOfSpace(span, space=self.name, id=error.id, why=error.why)) from None

    def _kept(self, architecture: Architecture) -> Architecture:
        """What matters of an architecture, checked."""
        return self._ranking.unrank(self.rank(architecture))

    # --- files -----------------------------------------------------------------------------------

    def locate(self, given: Path | str, name: str | None = None) -> Location:
        """The network of a file in this space, by its choices, whatever space it was written for.

        Args:
            given: A path, or a text: a str with a line break or a brace in it. What it uses is not read.
            name: The network, where there are several.

        Raises:
            HnasError: It cannot be read, or one of its choices is outside; the error names it.
        """
        return self._located(attrs.evolve(network_block(given, name), relation=None, at=None))

    def read(self, path: Path | str, name: str | None = None) -> Architecture:
        """The architecture of a network that was written for a space of this name.

        Limits on what networks may cost are not looked at.

        Args:
            path: As for `locate`.
            name: The network, where there are several.

        Raises:
            HnasError: It cannot be read, is of a space of another name, or has choices that are not of
                this one; the error has the place.
        """
        return self._located(network_block(path, name)).architecture

    def _located(self, block: ast.Block) -> Location:
        sink = Sink()
        architecture = self.compilation.choices_of(block, sink)
        sink.raise_errors()
        assert architecture is not None, "what is no architecture of the space was said"
        self.compilation.warnings.extend(sink.diagnostics)
        index = self._rank(architecture, block.name_span or block.kind_span)
        return Location(self._ranking.unrank(index), index)

    def text(self, architecture: Architecture, name: str = "found", notes: Sequence[str] = ()) -> str:
        """The .hnas file of an architecture; it uses the spec by its file name, as a file beside it does.

        A profile and overrides of this space stand in a comment: whoever reads the file gives them again.

        Args:
            architecture: Of this space.
            name: What the network is called.
            notes: Lines of comment for the top.

        Raises:
            HnasError: It is not of this space (E1002).
        """
        return self._text(architecture, self.compilation.path.name, name, notes)

    def write(
        self, architecture: Architecture, path: Path | str, name: str = "found", notes: Sequence[str] = ()
    ) -> None:
        """Write `text` to a new file, in the folder of the spec or above it.

        Raises:
            HnasError: The architecture is not of this space (E1002); the file is there already (E0801),
                cannot be written (E0604), or lies where it cannot use the spec (E0220).
        """
        path, spec = Path(path), self.compilation.path
        advice = f"write it beside {spec.name} or above: a file uses what is in its own folder and below"
        write_new(path, self._text(architecture, use_of(spec, path.parent, advice), name, notes))

    def _text(self, architecture: Architecture, use: str, name: str, notes: Sequence[str]) -> str:
        compilation = self.compilation
        profile = (f"--profile {compilation.profile}",) if compilation.profile is not None else ()
        given = " ".join((*profile, *(f"--set {each}" for each in compilation.sets)))
        laid = (f"of the space as {given} makes it: read it with the same",) if given else ()
        lines = tuple(printable(note) for note in (*notes, *laid))
        return compilation.found_text(self._kept(architecture), lines, use, name)

    # --- near ------------------------------------------------------------------------------------

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every architecture that differs by one choice, once, one after the other.

        One choice: an operator or input of an edge, an option of another decision, one stride of a path, one
        state or move where several are alive. What comes to matter only by the change is made in every
        way, which may be very many: `count_neighbours` tells without going through them.

        Raises:
            HnasError: It is not of this space (E1002).
        """
        return self._near.neighbours(self._kept(architecture))

    def count_neighbours(self, architecture: Architecture) -> int:
        """How many neighbours, exactly.

        Raises:
            HnasError: It is not of this space (E1002).
        """
        return self._near.count(self._kept(architecture))

    def mutate(self, architecture: Architecture, seed: int = 0) -> Architecture:
        """A neighbour: each change has the same probability, what comes to matter is drawn uniformly.

        Raises:
            HnasError: It is not of this space (E1002), or has no neighbour (E1003).
        """
        try:
            return self._near.mutated(self._kept(architecture), Random(whole(seed)))
        except ValueError:
            raise HnasError(NoNeighbour(None, space=self.name)) from None

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same network with the terms of every node's sum in the order of the spec.

        Raises:
            HnasError: It is not of this space (E1002).
        """
        return canonical(self.compilation.decisions, self._kept(architecture))

    def same(self, a: Architecture, b: Architecture) -> bool:
        """Whether two architectures are the same network: they differ at most in the order of sums.

        Raises:
            HnasError: One of them is not of this space (E1002).
        """
        return self.canonical(a) == self.canonical(b)

    # --- networks --------------------------------------------------------------------------------

    def cost(self, architecture: Architecture | None = None, size: tuple[int, ...] | None = None) -> Cost:
        """Parameters and multiply-adds of a network; without an architecture, of the super-network.

        An auxiliary head, which only training has, counts in neither.

        Args:
            architecture: Of this space.
            size: Pixels of the image that multiply-adds are for, an extent an axis; by default the crop of
                the spec. Where neither is known they are None.

        Raises:
            HnasError: It is not of this space (E1002), or cannot be built.
        """
        return self.compilation.cost(None if architecture is None else self._kept(architecture), size)

    def network(self, architecture: Architecture) -> "Network":
        """The torch module of a network, with new weights: images (N, 3, H, W) to scores (N, classes, H, W).

        Where images have a label each, scores are (N, classes, 1, 1). torch's generator is taken from.

        Raises:
            HnasError: It is not of this space (E1002), or cannot be built.
        """
        return self.compilation.network(self._kept(architecture))

    def supernet(self, seed: int | None = None) -> "SuperNet":
        """The relaxed super-network, with new weights; shapes as of `network`.

        Args:
            seed: What torch's generator is set to first; None leaves it as it is.

        Raises:
            HnasError: It cannot be built.
        """
        return self.compilation.supernet(seed)


def load(
    path: Path | str,
    *,
    profile: str | None = None,
    sets: Sequence[str] = (),
    space: str | None = None,
    trained: bool = False,
    allow_outside: bool = False,
    allow_extern: bool = False,
    passes: Asked = None,
    recompute: Sequence[str] = (),
) -> SearchSpace:
    """The space of a spec, checked, or the one that a file with networks uses. Needs no torch.

    Args:
        path: The .hnas file.
        profile: A profile of it.
        sets: Overrides, as `--set` gives them: `("L=8", "trellis.strides=[4, 8]")`.
        space: Its name, where the file has several.
        trained: The form that is trained, with what the block `train` changes laid over it.
        allow_outside: Whether `use` may read files outside the folder of the file.
        allow_extern: Whether the Python classes that extern operators name may be imported.
        passes: What networks go through before they are built: a level of optimisation, 0 to 2, or
            names of passes, `("share", "batch")` or `"share,batch"`; None: all, level 2.
        recompute: Parts of networks that backward computes again, so that less is kept: what
            `hnas plan --memory 6GiB --json` lists as `recomputed`. A network that lacks one is refused
            when it is built (E0726).

    Raises:
        HnasError: With every mistake of the spec.
    """
    given = (sets,) if isinstance(sets, str) else tuple(sets)
    compilation = Compilation(
        Path(path),
        profile,
        given,
        space,
        allow_outside,
        trained,
        allow_extern=allow_extern,
        passes=passes,
        recompute=tuple(recompute),
    )
    _ = compilation.decisions
    return SearchSpace(compilation)
