"""What public PyTorch re-implementations of Auto-DeepLab decode: arrays in .npy files.

* `network_path.npy`: for each layer its level, 0 to 3; or `network_path_space.npy`: (layers, 4, 3), for
  each layer its level and, within, where the path came from, which says nothing more.
* `genotype.npy`: two rows a block, [edge, operator]. Edges are counted through the cell, block after
  block; those of a block are the two inputs, H(l-2) first, and the blocks before it.

Source: decode_autodeeplab.py, decoding_formulas.py and retrain_model/new_model.py of
NoamRosenberg/autodeeplab, which others took over.
"""

from pathlib import Path

from hnas.diag import HnasError, Sink, Source, Span
from hnas.importing.errors import NotOfFormat
from hnas.importing.found import Found, FoundCell, Given, Node, Term, state_name
from hnas.importing.npy import Array, read_array
from hnas.lang.syntax_errors import Unreadable

OPERATORS = ("none", "max(3)", "avg(3)", "skip", "sep(3)", "sep(5)", "atrous(3)", "atrous(5)")
"""What examples/autodeeplab calls the operators, in the order of their numbers: none, max_pool_3x3,
avg_pool_3x3, skip_connect, sep_conv_3x3, sep_conv_5x5, dil_conv_3x3, dil_conv_5x5."""
STRIDES = (4, 8, 16, 32)
"""Of the levels."""
CELL = "dense"
PATHS = ("network_path.npy", "network_path_space.npy")
"""Names of the file of the path in a folder; the first that is there is read."""
GENOTYPE = "genotype.npy"

_BRANCHES = 3
"""Ways into a state, the last axis of `network_path_space`."""
_MOST_LAYERS = 200
_MOST_BLOCKS = 100


def read_autodeeplab(given: Given, sink: Sink) -> Found | None:
    """The path and the cell of a folder, or of a file and that of `given.cell`.

    Raises:
        HnasError: A file is missing, or no array of its kind.
    """
    path_file, cell_file = _files(given)
    path = _path(read_array(path_file))
    cell = _cell(read_array(cell_file))
    return Found(None, (cell,), cell.span, path)


def _files(given: Given) -> tuple[Path, Path]:
    if given.path.is_dir():
        there = [given.path / name for name in PATHS if (given.path / name).exists()]
        if not there:
            why = "it has no " + " or ".join(PATHS)
            advice = "give the file of the path, and that of the cell as --cell"
            raise HnasError(Unreadable(None, path=str(given.path), why=why, advice=advice))
        return there[0], given.cell or given.path / GENOTYPE
    if given.cell is None:
        advice = f"give it as --cell FILE, or the folder with {PATHS[0]} and {GENOTYPE} in place of a file"
        why = "the file of its cell is not given"
        raise HnasError(Unreadable(None, path=str(given.path), why=why, advice=advice))
    return given.path, given.cell


def _path(array: Array) -> tuple[tuple[int, Span], ...]:
    """The stride of each layer."""
    lines = _lines(array)
    levels = array.values
    if len(array.shape) != 1:
        if len(array.shape) != 3 or array.shape[1:] != (len(STRIDES), _BRANCHES):
            raise _shape(array, _PATH, f"a path is (layers,), or (layers, {len(STRIDES)}, {_BRANCHES})")
        levels = tuple(_level(array, layer, lines) for layer in range(array.shape[0]))
    if not 1 <= len(levels) <= _MOST_LAYERS:
        raise _shape(array, _PATH, f"a path has 1 to {_MOST_LAYERS} layers")
    for layer, (level, span) in enumerate(zip(levels, lines, strict=True), 1):
        if level >= len(STRIDES):
            why = f"layer {layer} has level {level}"
            raise _wrong(span, _PATH, why, f"levels are 0 to {len(STRIDES) - 1}: strides {_listed(STRIDES)}")
    return tuple((STRIDES[level], span) for level, span in zip(levels, lines, strict=True))


def _level(array: Array, layer: int, lines: tuple[Span, ...]) -> int:
    """The one level of a layer that is marked."""
    size = len(STRIDES) * _BRANCHES
    marks = array.values[layer * size : (layer + 1) * size]
    levels = {position // _BRANCHES for position, mark in enumerate(marks) if mark}
    if len(levels) != 1:
        why = f"layer {layer + 1} is marked at {len(levels) or 'no'} levels"
        raise _wrong(lines[layer], _PATH, why, "give the path that was decoded, one level a layer")
    return levels.pop()


def _cell(array: Array) -> FoundCell:
    rows = array.shape[0] if array.shape else 0
    if len(array.shape) != 2 or array.shape[1] != 2 or rows % 2 or not 1 <= rows // 2 <= _MOST_BLOCKS:
        raise _shape(array, _GENOTYPE, f"a cell is (2 * blocks, 2), of up to {_MOST_BLOCKS} blocks")
    blocks, lines = rows // 2, _lines(array)
    edges = [(block, source) for block in range(blocks) for source in range(block + 2)]
    terms: dict[int, list[Term]] = {}
    for row, span in enumerate(lines):
        edge, operator = array.values[2 * row : 2 * row + 2]
        if edge >= len(edges):
            advice = f"{blocks} blocks have the edges 0 to {len(edges) - 1}"
            raise _wrong(span, _GENOTYPE, f"row {row + 1} reads edge {edge}", advice)
        if operator >= len(OPERATORS):
            advice = f"operators are 0 to {len(OPERATORS) - 1}: {_listed(OPERATORS)}"
            raise _wrong(span, _GENOTYPE, f"row {row + 1} has operator {operator}", advice)
        block, state = edges[edge]
        terms.setdefault(block, []).append(Term(OPERATORS[operator], state_name(state), span, span, span))
    nodes = (Node(f"n{block + 1}", tuple(each), each[0].span) for block, each in sorted(terms.items()))
    return FoundCell(CELL, tuple(nodes), lines[0])


_PATH = "a path of Auto-DeepLab"
_GENOTYPE = "a cell of Auto-DeepLab"


def _lines(array: Array) -> tuple[Span, ...]:
    """The values as text, a row a line, for messages to point at; the place of each."""
    rows = array.shape[0] if array.shape else 0
    width = len(array.values) // rows if rows else 0
    texts = [" ".join(map(str, array.values[width * row : width * (row + 1)])) for row in range(rows)]
    source = Source(str(array.path), "\n".join(texts))
    spans: list[Span] = []
    start = 0
    for text in texts:
        spans.append(Span(source, start, start + len(text)))
        start += len(text) + 1
    return tuple(spans)


def _shape(array: Array, what: str, advice: str) -> HnasError:
    why = f"its shape is ({', '.join(map(str, array.shape))})"
    return HnasError(NotOfFormat(None, path=str(array.path), what=what, why=why, advice=advice))


def _wrong(span: Span, what: str, why: str, advice: str) -> HnasError:
    return HnasError(NotOfFormat(span, path=span.source.name, what=what, why=why, advice=advice))


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))
