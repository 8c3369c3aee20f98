"""The road from text to network, one cached property a stage.

Each stage is computed when it is first asked for, and what it finds wrong is raised as HnasError
with every diagnostic. torch is imported by `network` and `supernet` alone.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, final

import attrs
from attrs import define, field

from hnas.diag import Diagnostic, HnasError, Sink, Source, distinct
from hnas.ir.cost import Cost, cost_of, parameters
from hnas.ir.count import Counts, count
from hnas.ir.decisions import Architecture, DecisionTable, State
from hnas.ir.digests import Digests, digests
from hnas.ir.graph import Graph
from hnas.ir.program import Program as Steps
from hnas.ir.space import Limit, Space
from hnas.ir.types import MapType
from hnas.lang import ast
from hnas.lang.depth import not_too_deep
from hnas.lang.errors import NEEDED, MissingKey, NoSuchSpace, OtherChoices
from hnas.lang.found import write_network
from hnas.lang.full import spell_out
from hnas.lang.ir_gen import Program, generate
from hnas.lang.network import read_network
from hnas.lang.parser import parse, read_source
from hnas.lang.resolve import PAPER, Spec, resolve, with_profile
from hnas.passes.auxiliary import auxiliary_errors
from hnas.passes.collecting import uncollected
from hnas.passes.edges import droppable_edges
from hnas.passes.expand import Expanded, Made, decisions, expand
from hnas.passes.inline import inline
from hnas.passes.limits import limit_errors, over_limits
from hnas.passes.pipeline import DEFAULT, chosen, optimize
from hnas.passes.segments import with_segments
from hnas.passes.tidy import without_auxiliary
from hnas.schema.datasets import DatasetCard
from hnas.schema.settings import DataSettings, DecodeSettings, SearchSettings, TrainSettings

if TYPE_CHECKING:
    from hnas.runtime.lower import Network
    from hnas.runtime.supernet import SuperNet

T = TypeVar("T")


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
        source: Its text where that was read already, as from standard input; `path` says where it would lie.
        allow_extern: Whether the classes that extern operators name may be imported.
        passes: What a network goes through before it is built: a level, or names of passes.
        recompute: Parts of a network that backward computes again, as a plan chose them.
    """

    path: Path
    profile: str | None = None
    sets: tuple[str, ...] = ()
    space_name: str | None = None
    allow_outside: bool = False
    trained: bool = False
    source: Source | None = field(default=None, kw_only=True)
    allow_extern: bool = field(default=False, kw_only=True)
    passes: tuple[str, ...] = field(default=DEFAULT, converter=chosen, kw_only=True)
    recompute: tuple[str, ...] = field(default=(), kw_only=True)
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
        with not_too_deep():
            spec = resolve(
                file,
                folder,
                sink,
                space=self.space_name,
                profile=self.profile,
                sets=self.sets,
                root=root,
                trained=self.trained,
            )
        if spec is None or any(d.code.startswith(_UNRESOLVED) for d in sink.errors):
            raise HnasError(*sink.diagnostics)
        self._resolve_errors.extend(sink.diagnostics)
        return spec

    _resolve_errors: list[Diagnostic] = field(factory=list[Diagnostic], init=False)

    @cached_property
    def program(self) -> Program:
        """The checked space and the settings beside it."""
        spec = self.spec
        sink = Sink(list(self._resolve_errors))
        with not_too_deep():
            program = generate(spec, sink, searching=not self.trained)
        if program is None or sink.errors:
            raise HnasError(*distinct(sink.diagnostics))
        self.warnings.extend((*sink.diagnostics, *spec.unused))
        return program

    @cached_property
    def expanded(self) -> Expanded:
        """The super-network's graph and its decisions."""
        return self._expand(self.program.space, searching=True)

    def _expand(self, space: Space, *, searching: bool, made: Made | None = None) -> Expanded:
        sink = Sink()
        with not_too_deep():
            expanded = expand(space, sink, searching=searching, made=made)
        if expanded is None or sink.errors:
            raise HnasError(*distinct(sink.diagnostics))
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
        """The block search; HnasError where the space has none."""
        return self._needed("search", self.program.search)

    @property
    def train(self) -> TrainSettings:
        """The block train; HnasError where the space has none."""
        return self._needed("train", self.program.train)

    def _needed(self, key: str, block: T | None) -> T:
        if block is None:
            place = f"space {self.space.name}"
            raise HnasError(MissingKey(self.space.span, place=place, key=key, doc=NEEDED[key]))
        return block

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
        with not_too_deep():
            table = decisions(self.program.space, sink)
        if table is None or sink.errors:
            raise HnasError(*distinct(sink.diagnostics))
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
        return spell_out(self.spec, searched=not self.trained)

    @cached_property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the super-network's weights by name."""
        return parameters(self.graph)

    @cached_property
    def digests(self) -> Digests:
        """The three digests."""
        shapes = self.parameters if self.has_supernet else dict[str, tuple[int, ...]]()
        return digests(self.decisions, shapes, self.resolved_text)

    @cached_property
    def image(self) -> tuple[int, ...] | None:
        """Pixels of what a network gets: the crop, else the whole image where its size is known.

        A block data gives height and width; a side alone stands for every axis of a space of other dims.
        """
        found = self.data.trained_size(self.card.size)
        if found is None or len(found) == self.space.dims:
            return found
        return (found[0],) * self.space.dims if len(set(found)) == 1 else None

    # --- checking --------------------------------------------------------------------------------

    def check(self) -> tuple[Diagnostic, ...]:
        """Every diagnostic of the file: its space, each profile, its networks. Empty: all is well."""
        try:
            # a space that only networks are built of is a trained form; without any it must be searched
            _ = self.decisions if not self.has_supernet and self.spec.networks else self.expanded
        except HnasError as error:
            return error.diagnostics
        found = [*self.warnings, *(auxiliary_errors(self.space, self.expanded) if self.has_supernet else ())]
        for name in self.spec.profiles:
            sink = Sink()
            with not_too_deep():
                program = generate(with_profile(self.spec, name, sink), sink, searching=not self.trained)
                if program is not None and not sink.errors and self.has_supernet:
                    expanded = expand(program.space, sink)
                    found += auxiliary_errors(program.space, expanded) if expanded is not None else ()
            found += sink.diagnostics
        if self.program.train is not None and not self.trained:
            found += (d for d in attrs.evolve(self, trained=True).check() if not isinstance(d, OtherChoices))
        for block in self.spec.networks:
            sink = Sink()
            self._checked(block, sink)
            found += sink.diagnostics
        return distinct(found)

    def place(self, block: ast.Block) -> Architecture:
        """The architecture a network block spells, wherever it comes from, checked as one of a file is.

        Raises:
            HnasError: It is not of the space.
        """
        sink = Sink()
        architecture = self._checked(block, sink)
        sink.raise_errors()
        assert architecture is not None, "what is no architecture of the space was said"
        self.warnings.extend(sink.diagnostics)
        return architecture

    def _checked(self, block: ast.Block, sink: Sink) -> Architecture | None:
        architecture = self.choices_of(block, sink)
        if architecture is not None:
            sink.diagnostics.extend(self._built(block, architecture))
        return architecture

    def networks(self) -> dict[str, Architecture]:
        """The networks of the file by name.

        Raises:
            HnasError: One of them is not of the space.
        """
        sink = Sink()
        found: dict[str, Architecture] = {}
        for block in self.spec.networks:
            architecture = self.choices_of(block, sink)
            if architecture is not None:
                found[block.name or ""] = architecture
                sink.diagnostics.extend(self._built(block, architecture) if self.space.limits else ())
        sink.raise_errors()
        self.warnings.extend(sink.diagnostics)
        return found

    def choices_of(self, block: ast.Block, sink: Sink) -> Architecture | None:
        """The architecture a network block spells, whatever it costs; None after a diagnostic."""
        if block.relation is not None and block.relation.name != self.space.name:
            name = block.relation.name
            advice = f"this is the space {self.space.name}; take --space {name} if the file has it"
            sink.add(NoSuchSpace(block.relation.span, name=name, advice=advice))
            return None
        return read_network(block, self.space, self.decisions, sink)

    def _built(self, block: ast.Block, architecture: Architecture) -> tuple[Diagnostic, ...]:
        """What is wrong with a network as a graph, or with what it costs."""
        try:
            over = self.over_limits(architecture)
        except HnasError as error:
            return error.diagnostics
        return limit_errors(over, block.name or "", block.name_span or block.kind_span)

    # --- networks --------------------------------------------------------------------------------

    def found_text(
        self,
        architecture: Architecture,
        notes: Sequence[str] = (),
        use: str | None = None,
        name: str = "found",
    ) -> str:
        """The file of a found network `name`, using `use` (by default this spec's file name)."""
        return write_network(name, architecture, self.space, self.decisions, use or self.path.name, notes)

    def specialized(self, architecture: Architecture, *, searching: bool = False) -> Graph:
        """The graph of the network an architecture is; `searching` keeps the super-network's form."""
        made = Made(self.decisions, architecture, self._type_of if self.has_supernet else None)
        return self._expand(self.space, searching=searching, made=made).graph

    def used(self, architecture: Architecture) -> Graph:
        """The graph of the network as it is used once it is trained: without an auxiliary head."""
        return without_auxiliary(self.specialized(architecture))

    def over_limits(self, architecture: Architecture) -> tuple[tuple[Limit, int], ...]:
        """The limits of the space that a network does not keep, each with what it costs instead.

        Raises:
            HnasError: The network cannot be built.
        """
        return over_limits(self.space.limits, self.cost(architecture))

    def cost(self, architecture: Architecture | None = None, image: tuple[int, ...] | None = None) -> Cost:
        """What a network costs; without an architecture the super-network.

        Args:
            architecture: Of this space.
            image: The size multiply-adds are counted for, in pixels; by default what the spec trains on.

        Raises:
            HnasError: The network cannot be built.
        """
        if architecture is None:
            return cost_of(self.graph, image or self.image, self.parameters)
        return cost_of(self.used(architecture), image or self.image)

    def _type_of(self, state: State) -> MapType:
        """The type of a state's map in the super-network."""
        graph = self.graph
        return graph.main.types[graph.states[state]]

    def steps(self, architecture: Architecture | None = None, *, drop_path: bool = False) -> Steps:
        """The program of a network after the passes; without an architecture that of the super-network."""
        graph = self.graph if architecture is None else self.specialized(architecture)
        program = inline(graph, droppable_edges(self.space, graph) if drop_path else None)
        return with_segments(optimize(program, self.passes), self.recompute)

    @uncollected()
    def network(self, architecture: Architecture, *, drop_path: bool = False) -> "Network":
        """The module of the network an architecture is; with `drop_path` its edges can be left out."""
        from hnas.runtime.lower import lower

        return lower(self.steps(architecture, drop_path=drop_path), allow_extern=self.allow_extern)

    @uncollected()
    def supernet(self, seed: int | None = None) -> "SuperNet":
        """The super-network, alpha and beta as `search` says; a seed, if any, is torch's from here on."""
        import torch

        from hnas.runtime.supernet import SuperNet

        if seed is not None:
            torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        init = self.program.search.arch.init if self.program.search is not None else (0.0, 1e-3)
        return SuperNet(self.steps(), self.decisions, init, allow_extern=self.allow_extern)


_UNRESOLVED = ("E01", "E0209", "E0215", "E0216", "E0217", "E0219", "E0220")
"""What leaves parts of a spec unread: to report what is missing then would be noise."""


def with_overrides(compilation: Compilation, *sets: str) -> Compilation:
    """The same compilation with further `--set` overrides."""
    return attrs.evolve(compilation, sets=(*compilation.sets, *sets))
