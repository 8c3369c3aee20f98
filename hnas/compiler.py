"""The road from text to network, one cached property a stage.

Each stage is computed when it is first asked for, and what it finds wrong is raised as HnasError
with every diagnostic. torch is imported by `network` and `supernet` alone.
"""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, final

import attrs
from attrs import define, field, frozen

from hnas.diag import Diagnostic, HnasError, Sink, Source
from hnas.ir import cost
from hnas.ir.count import Counts, count
from hnas.ir.decisions import Architecture, DecisionTable, State
from hnas.ir.graph import Graph
from hnas.ir.space import Space
from hnas.ir.types import MapType
from hnas.lang import ast
from hnas.lang.errors import MissingKey, NoSuchSpace, TooLarge
from hnas.lang.found import write_network
from hnas.lang.full import spell_out
from hnas.lang.ir_gen import Program, generate
from hnas.lang.network import read_network
from hnas.lang.parser import parse, read_source
from hnas.lang.resolve import PAPER, Spec, resolve, with_profile, with_training
from hnas.passes.expand import Expanded, Made, decisions, expand
from hnas.passes.tidy import without_auxiliary
from hnas.schema.datasets import DatasetCard
from hnas.schema.settings import DataSettings, DecodeSettings, SearchSettings

if TYPE_CHECKING:
    from hnas.runtime.lower import Network
    from hnas.runtime.supernet import SuperNet


@final
@frozen
class Digests:
    """What binds an architecture, a state and a run to what they were made with.

    Attributes:
        choices: Ids, options and adjacency of the decisions.
        weights: Names and shapes of the super-network's parameters; of none where there is no such thing.
        run: The resolved spec: all that decides the course of a search but its seed.
    """

    choices: str
    weights: str
    run: str


@final
@define(frozen=True, slots=False, eq=False)
class Compilation:
    """One spec on its way to a network.

    Attributes:
        path: The file.
        profile: The profile laid over it, `paper` where none is.
        sets: Overrides, as `--set` gives them.
        space_name: The space that is meant, where the file has several.
        allow_outside: Whether `use` may leave the folder of the file.
        trained: Whether what the block `train` changes is laid over the space too.
        source: Its text, where that was read already: standard input, the buffer of an editor. Then
            `path` only says where the file would lie.
        allow_extern: Whether the classes that extern operators name may be imported.
    """

    path: Path
    profile: str | None = None
    sets: tuple[str, ...] = ()
    space_name: str | None = None
    allow_outside: bool = False
    trained: bool = False
    source: Source | None = field(default=None, kw_only=True)
    allow_extern: bool = field(default=False, kw_only=True)
    warnings: list[Diagnostic] = field(factory=list[Diagnostic], init=False)

    # --- stages ----------------------------------------------------------------------------------

    @cached_property
    def file(self) -> ast.File:
        """The syntax tree of the file."""
        return parse(read_source(self.path) if self.source is None else self.source)

    @cached_property
    def spec(self) -> Spec:
        """The space the file is about, with `use`, `extends`, profile and overrides laid over it."""
        sink, file = Sink(), self.file
        folder = self.path.resolve().parent
        root = None if self.allow_outside else folder
        with _not_too_deep():
            spec = resolve(
                file,
                folder,
                sink,
                space=self.space_name,
                profile=self.profile,
                sets=self.sets,
                root=root,
            )
        if spec is None or any(d.code.startswith(_UNRESOLVED) for d in sink.errors):
            raise HnasError(*sink.diagnostics)
        if self.trained:
            spec = with_training(spec, sink)
        self._resolve_errors.extend(sink.diagnostics)
        return spec

    _resolve_errors: list[Diagnostic] = field(factory=list[Diagnostic], init=False)

    @cached_property
    def program(self) -> Program:
        """The checked space and the settings beside it."""
        spec = self.spec
        sink = Sink(list(self._resolve_errors))
        with _not_too_deep():
            program = generate(spec, sink, searching=not self.trained)
        if program is None or sink.errors:
            raise HnasError(*_distinct(sink.diagnostics))
        self.warnings.extend(sink.diagnostics)
        return program

    @cached_property
    def expanded(self) -> Expanded:
        """The super-network's graph and its decisions."""
        return self._expand(self.program.space, searching=True)

    def _expand(self, space: Space, *, searching: bool, made: Made | None = None) -> Expanded:
        sink = Sink()
        with _not_too_deep():
            expanded = expand(space, sink, searching=searching, made=made)
        if expanded is None or sink.errors:
            raise HnasError(*_distinct(sink.diagnostics))
        return expanded

    # --- what the stages hold --------------------------------------------------------------------

    @property
    def space(self) -> Space:
        """The space."""
        return self.program.space

    @property
    def card(self) -> DatasetCard:
        """The card of its data set."""
        return self.program.card

    @property
    def data(self) -> DataSettings:
        """The block data."""
        return self.program.data

    @property
    def search(self) -> SearchSettings:
        """The block search.

        Raises:
            HnasError: The space has none.
        """
        if self.program.search is None:
            doc = "search { epochs = ..., batch = ..., weights = sgd(...), arch = adam(...) }"
            span = self.space.span
            raise HnasError(MissingKey(span, place=f"space {self.space.name}", key="search", doc=doc))
        return self.program.search

    @property
    def decode(self) -> DecodeSettings:
        """The block decode."""
        return self.program.decode

    @property
    def graph(self) -> Graph:
        """The super-network's graph."""
        return self.expanded.graph

    @cached_property
    def decisions(self) -> DecisionTable:
        """The decisions of the space."""
        if self.has_supernet:
            return self.expanded.decisions
        sink = Sink()
        with _not_too_deep():
            table = decisions(self.program.space, sink)
        if table is None or sink.errors:
            raise HnasError(*_distinct(sink.diagnostics))
        return table

    @property
    def has_supernet(self) -> bool:
        """Whether the space can be searched as it stands.

        With `prev_prev = on_path` a map depends on the path: it is the trained form of a space, and only
        networks of it can be built.
        """
        trellis = self.space.trellis
        return trellis.path is not None or trellis.prev_prev != "on_path"

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles of the space, `paper` first: the spec as it stands."""
        return (PAPER, *(name for name in self.spec.profiles if name != PAPER))

    @cached_property
    def counts(self) -> Counts:
        """How many paths, cells and architectures."""
        return count(self.decisions, self.decode.edges)

    @cached_property
    def resolved_text(self) -> str:
        """The whole spec as one file, every default written out; reads back as the same space."""
        return spell_out(self.spec)

    @cached_property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the super-network's weights by name."""
        return cost.parameters(self.graph)

    @cached_property
    def digests(self) -> Digests:
        """The three digests."""
        shapes = self.parameters if self.has_supernet else dict[str, tuple[int, ...]]()
        listed = json.dumps(sorted((name, list(shape)) for name, shape in shapes.items()))
        return Digests(
            choices=self.decisions.digest,
            weights=hashlib.sha256(listed.encode()).hexdigest()[:16],
            run=hashlib.sha256(self.resolved_text.encode()).hexdigest()[:16],
        )

    # --- checking --------------------------------------------------------------------------------

    def check(self) -> tuple[Diagnostic, ...]:
        """Every diagnostic of the file: its space, each profile, its networks. Empty: all is well."""
        try:
            # a space that only networks are built of is a trained form; without any it must be searched
            _ = self.decisions if not self.has_supernet and self.spec.networks else self.expanded
        except HnasError as error:
            return error.diagnostics
        found: list[Diagnostic] = list(self.warnings)
        for name in self.spec.profiles:
            sink = Sink()
            with _not_too_deep():
                program = generate(with_profile(self.spec, name, sink), sink, searching=not self.trained)
                if program is not None and not sink.errors and self.has_supernet:
                    expand(program.space, sink)
            found += sink.diagnostics
        if self.program.train is not None and not self.trained:
            found += attrs.evolve(self, trained=True).check()
        for block in self.spec.networks:
            sink = Sink()
            architecture = self._network(block, sink)
            found += sink.diagnostics
            if architecture is not None and not self.has_supernet:
                try:
                    self.specialized(architecture)
                except HnasError as error:
                    found += error.diagnostics
        return _distinct(found)

    def networks(self) -> dict[str, Architecture]:
        """The networks of the file by name.

        Raises:
            HnasError: One of them is not of the space.
        """
        sink = Sink()
        found: dict[str, Architecture] = {}
        for block in self.spec.networks:
            architecture = self._network(block, sink)
            if architecture is not None:
                found[block.name or ""] = architecture
        sink.raise_errors()
        self.warnings.extend(sink.diagnostics)
        return found

    def _network(self, block: ast.Block, sink: Sink) -> Architecture | None:
        if block.relation is not None and block.relation.name != self.space.name:
            name = block.relation.name
            advice = f"this is the space {self.space.name}; take --space {name} if the file has it"
            sink.add(NoSuchSpace(block.relation.span, name=name, advice=advice))
            return None
        return read_network(block, self.space, self.decisions, sink)

    # --- networks --------------------------------------------------------------------------------

    def found_text(
        self, architecture: Architecture, notes: Sequence[str] = (), use: str | None = None
    ) -> str:
        """The file of a found network, using `use` (by default this spec's file name)."""
        return write_network("found", architecture, self.space, self.decisions, use or self.path.name, notes)

    def specialized(self, architecture: Architecture, *, searching: bool = False) -> Graph:
        """The graph of the network an architecture is; `searching` keeps the super-network's form."""
        absent = self._type_of if self.has_supernet else None
        made = Made(self.decisions, architecture, absent)
        return self._expand(self.space, searching=searching, made=made).graph

    def used(self, architecture: Architecture) -> Graph:
        """The graph of the network as it is used once it is trained: without an auxiliary head."""
        return without_auxiliary(self.specialized(architecture))

    def _type_of(self, state: State) -> MapType:
        """The type of a state's map in the super-network."""
        graph = self.graph
        return graph.main.types[graph.states[state]]

    def network(self, architecture: Architecture) -> "Network":
        """The module of the network an architecture is."""
        from hnas.runtime.lower import lower

        return lower(self.specialized(architecture), allow_extern=self.allow_extern)

    def supernet(self, seed: int | None = None) -> "SuperNet":
        """The super-network; alpha and beta start as the block `search` says.

        With a seed, torch's generator is set to it first, so that the same seed gives the same weights.
        """
        import torch

        from hnas.runtime.supernet import SuperNet

        if seed is not None:
            torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        init = self.program.search.arch.init if self.program.search is not None else (0.0, 1e-3)
        return SuperNet(self.graph, self.decisions, init, allow_extern=self.allow_extern)


_UNRESOLVED = ("E01", "E0209", "E0215", "E0216", "E0217", "E0219", "E0220")
"""What leaves parts of a spec unread: to report what is missing then would be noise."""


@contextmanager
def _not_too_deep() -> Generator[None]:
    """Operators within operators, or spaces that extend each other, deeper than can be followed."""
    try:
        yield
    except RecursionError:
        what = "how deep operators or spaces nest in each other"
        raise HnasError(TooLarge(None, what=what, bound="what can be followed")) from None


def _distinct(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each diagnostic once, in the order of the text: an operator used twice is still wrong in one place."""
    seen: set[tuple[object, ...]] = set()
    found: list[Diagnostic] = []
    for d in diagnostics:
        span = d.span
        key = (d.code, d.message, *((id(span.source), span.start, span.end) if span is not None else ()))
        if key not in seen:
            seen.add(key)
            found.append(d)
    sources = list({id(d.span.source): None for d in found if d.span is not None})
    found.sort(key=lambda d: (sources.index(id(d.span.source)), d.span.start) if d.span else (-1, 0))
    return tuple(found)


def with_overrides(compilation: Compilation, *sets: str) -> Compilation:
    """The same compilation with further `--set` overrides."""
    return attrs.evolve(compilation, sets=(*compilation.sets, *sets))
