"""The attributes of every block, their types, defaults and meaning: one table for checker and manual."""

from collections.abc import Mapping

from hnas.schema.training import DATA, SEARCH, TRAIN
from hnas.schema.types import (
    Attribute,
    Block,
    Calls,
    Entered,
    Flag,
    Inputs,
    Kept,
    Maps,
    Moves,
    Operator,
    Options,
    Path,
    PerInput,
    PerMove,
    Real,
    Shared,
    Skips,
    Static,
    Strides,
    Whole,
    Word,
)

NORM = Calls(
    {
        "batch": (
            Attribute("affine", Flag(), "whether a scale and a shift are learnt", "true"),
            Attribute(
                "stats",
                Word(("shared", "per_move")),
                "running statistics for each incoming move, or shared by all",
                "shared",
            ),
            Attribute("eps", Real(), "added to the variance", "1e-5"),
            Attribute("momentum", Real(0, 1), "weight of the newest batch in the running statistics", "0.1"),
            Attribute(
                "update",
                Word(("weights", "both")),
                "which steps of a search move the running statistics: the weight step, or both",
                "weights",
            ),
        )
    }
)

MOST_LAYERS = 2_000
"""Layers a trellis may have: checking them must not take long."""

SPACE = Block(
    "space",
    "A search space, or a network's trained form.",
    (
        Attribute("norm", NORM, "what `norm` means in this space", "batch()"),
        Attribute("dims", Whole(1, 3), "axes of a map: 2 for images", "2"),
        Attribute(
            "stem",
            Operator(listed=True),
            "from the image to H(0); of a list, the last maps are H(-1), H(0)",
            required=True,
        ),
        Attribute("head", Operator(), "from the maps of the last layer to the result", required=True),
        Attribute("aux", Operator(), "an auxiliary head, of the network while it is trained"),
    ),
)

CELL = Block(
    "cell",
    "A cell: nodes that read the inputs and the nodes before them, through searched operators.",
    (
        Attribute(
            "inputs",
            Inputs(),
            "the maps it gets: prev is H(l-1), prev_prev H(l-2), back(3) H(l-3)",
            "[prev, prev_prev]",
        ),
        Attribute("nodes", Whole(1, 64), "nodes (blocks) of the cell", required=True),
        Attribute(
            "edges",
            Word(("all_earlier", "inputs", "previous")),
            "what a node reads: every input and earlier node, the inputs, or the node before",
            "all_earlier",
        ),
        Attribute("op", Options(), "the operators an edge chooses from", required=True),
        Attribute(
            "take",
            Calls(
                {
                    "slots": (Attribute("n", Whole(1, 64), "how many", required=True),),
                    "edges": (Attribute("n", Whole(1, 64), "how many", required=True),),
                },
                words=("all",),
            ),
            "what a found node keeps: slots(n): n times an input and its operator; edges(n): n inputs; all",
            "slots(2)",
        ),
        Attribute(
            "weigh",
            Word(("edges", "slots")),
            "what alpha sums to one over: the operators of an edge, or input and operator of a slot jointly",
            "edges",
        ),
        Attribute("join", Word(("sum", "product")), "how a node joins what it reads", "sum"),
        Attribute(
            "output",
            Maps(("concat", "last", "loose_ends")),
            "the cell's result out of its nodes; loose_ends: those no other node reads",
            "concat",
        ),
        Attribute(
            "share",
            Shared(("network", "stride", "layer", "state", "link", "group")),
            "who shares one choice of operators",
            "network",
        ),
        Attribute(
            "width",
            Static(("stride", "layer", "width", "classes")),
            "channels of a node, where they are not those of the place",
        ),
    ),
)

_RESAMPLING = ("projection", "operators", "bilinear")

TRELLIS = Block(
    "trellis",
    "The layers and strides, and how a map gets from one state to the next.",
    (
        Attribute("layers", Whole(1, MOST_LAYERS), "layers L", required=True),
        Attribute("strides", Strides(), "the strides a layer may have, fine to coarse", required=True),
        Attribute("enter", Entered(), "the stride of layer 1; by default the stem's"),
        Attribute(
            "moves",
            Moves(),
            "how the stride may change from layer to layer",
            "one_of { finer, same, coarser }",
        ),
        Attribute(
            "keep",
            Kept(),
            "what is found of moves of which one is taken: a path, or branches(n) that end at n strides",
            "path",
        ),
        Attribute(
            "path",
            Path(),
            "a stride for each layer, where the way is fixed, in place of moves",
            replaces=("moves",),
        ),
        Attribute(
            "width",
            Static(("stride", "layer"), selected=True),
            "channels of a node of a cell; one_of searches them, a map tells them by layer and stride",
            required=True,
        ),
        Attribute(
            "cell", PerMove(), "the cell of every state, or a map by move, stride and layer", required=True
        ),
        Attribute("project", PerInput(), "what every map passes that enters a cell", "skip"),
        Attribute(
            "weigh",
            Word(("outgoing", "incoming", "independent")),
            "what beta sums to one over: the moves that leave a state, that enter it, or nothing",
            "outgoing",
        ),
        Attribute(
            "finer",
            Operator(words=_RESAMPLING),
            "how a map that was coarser changes its stride on the way in",
            "bilinear",
        ),
        Attribute(
            "coarser",
            Operator(words=_RESAMPLING),
            "how a map that was finer changes its stride on the way in",
            "projection",
        ),
        Attribute(
            "align",
            Operator(words=("bilinear",)),
            "what an input of another size than prev passes",
            "bilinear",
        ),
        Attribute(
            "missing",
            Word(("closest", "drop")),
            "H(l-2) where layer l-2 has no map of the stride: that of the nearest finer one, or no edge",
            "closest",
        ),
        Attribute(
            "prev_prev",
            Word(("same_stride", "on_path")),
            "H(l-2): the map of layer l-2 at the same stride, or of the cell before the last on the path",
            "same_stride",
        ),
        Attribute(
            "mix",
            Word(("after_cell", "before_cell")),
            "the cell for each incoming move and then their weighted sum, or the sum and then one cell",
            "after_cell",
        ),
        Attribute(
            "operators",
            Word(("shared", "per_move")),
            "whether the cells of the moves into a state share their operators' weights",
            "shared",
        ),
        Attribute(
            "skips",
            Skips(),
            "links to earlier layers at the same stride, joined to prev: earlier, back(n), mirror",
            "none",
        ),
    ),
)

DECODE = Block(
    "decode",
    "How an architecture is read off the relaxed decisions.",
    (
        Attribute(
            "edges",
            Calls(
                {"strongest": (Attribute("n", Whole(1, 64), "distinct edges a node keeps", required=True),)},
                words=("strongest",),
            ),
            "edges a node keeps, by their largest weight over operators other than none; strongest: as many "
            "as its cell takes",
            "strongest",
        ),
        Attribute(
            "path",
            Word(("viterbi", "greedy")),
            "the most probable path, or the strongest move at each step",
            "viterbi",
        ),
    ),
)

BLOCKS: Mapping[str, Block] = {b.kind: b for b in (SPACE, CELL, TRELLIS, SEARCH, DECODE, TRAIN, DATA)}
