"""What can be wrong with shapes and trellises (E03xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class DoesNotFit(Diagnostic):
    """An operator cannot be applied to the map that reaches it.

    Channels and strides are inferred through the whole network; the message says which map comes
    to this place, and at which stride of the trellis.
    """

    code = "E0301"
    title = "{operator} does not fit: {why}"
    label = "{where}"
    operator: str
    why: str
    where: str


@final
@frozen
class Unequal(Diagnostic):
    """Maps that are joined must agree: for a sum in channels and stride, for concat in stride."""

    code = "E0302"
    title = "{what} joins maps that differ: {first} and {second}"
    help = "make them equal, for example with conv(1, ...) or resize(...)"
    label = "{where}"
    what: str
    first: str
    second: str
    where: str


@final
@frozen
class WrongOption(Diagnostic):
    """An operator of a cell must give a map of the cell's width and stride.

    Where an input is of a finer stride (`coarser = operators`), operators reduce the resolution
    themselves: give them a parameter `step = 1` and use it as stride of one layer.
    """

    code = "E0303"
    title = "{option} gives a map of {given}, the cell needs {needed}"
    label = "{where}"
    option: str
    given: str
    needed: str
    where: str


@final
@frozen
class Unreachable(Diagnostic):
    """A stride of the list that no layer can have, from where the trellis is entered by its moves."""

    code = "E0304"
    title = "stride {stride} can never be reached"
    label = "{why}"
    stride: str
    why: str


@final
@frozen
class DeadEnd(Diagnostic):
    """A state before the last layer that no move leaves; a path through it would have to stop."""

    code = "E0305"
    title = "stride {stride} cannot be left after layer {layer}"
    help = "add same to the moves, or a stride to go to"
    stride: str
    layer: int


@final
@frozen
class NoEntry(Diagnostic):
    """Layer 1 follows the stem: its stride is the stem's, unless `enter` says otherwise."""

    code = "E0306"
    title = "the stem ends at stride {stride}, which layer 1 cannot have"
    help = "give enter = ..., one of the strides, a multiple of {stride}"
    stride: str


@final
@frozen
class OpenPath(Diagnostic):
    """The map of a layer is asked for, but the layer has several strides while the path is open."""

    code = "E0307"
    title = "{what} needs one map, and layer {layer} has {count} strides"
    help = "write sum_over(stride, ...) around it, or give the trellis a path"
    what: str
    layer: int
    count: int


@final
@frozen
class NeedsPath(Diagnostic):
    """`prev_prev = on_path` is the cell before the previous one on the path: there must be one.

    While a path is searched every state has a map; take `prev_prev = same_stride` there.
    """

    code = "E0308"
    title = "prev_prev = on_path needs a path, and this trellis searches it"
    help = "search with prev_prev = same_stride; on_path is for the trained form of a found network"


@final
@frozen
class WrongHead(Diagnostic):
    """The head must end in what the task is scored on: a score per class and pixel, or per class."""

    code = "E0309"
    title = "{what} gives a map of {given}, the task needs {needed}"
    what: str
    given: str
    needed: str


@final
@frozen
class WrongWidth(Diagnostic):
    """A width or another attribute that depends on the place is not a whole number there.

    Make it divide everywhere, or round down with `//`: `F * stride // 3`.
    """

    code = "E0310"
    title = "{what} is {value} {where}; it must be a whole number from 1 to 1,000,000"
    what: str
    value: str
    where: str


@final
@frozen
class Excludes(Diagnostic):
    """Two attributes that cannot go together.

    Give one of them another value; what stands beside the caret says why they clash.
    """

    code = "E0311"
    title = "{first} and {second} exclude each other"
    label = "{why}"
    first: str
    second: str
    why: str


@final
@frozen
class BeyondBound(Diagnostic):
    """The network would have more layers than any machine builds.

    The count is made on the definitions, before anything is expanded: forty lines of
    `op b = a -> a` make 2^40 layers and are refused in no time.
    """

    code = "E0312"
    title = "{what} has more than {bound:,} layers when written out"
    help = "lower a repetition, or the depth of operators within operators"
    what: str
    bound: int


@final
@frozen
class StemStride(Diagnostic):
    """The maps of the stem must have strides that strides of the trellis are multiples of."""

    code = "E0313"
    title = "a map of stride {fine} cannot become one of stride {coarse}"
    help = "every stride must be a multiple of the stem's"
    fine: str
    coarse: str


@final
@frozen
class NoInput(Diagnostic):
    """Every input of a cell is missing at one of its places, and `missing = drop` leaves them out."""

    code = "E0314"
    title = "cell {cell} has nothing to read {where}"
    help = "add prev to its inputs, or take missing = closest in the trellis"
    cell: str
    where: str


@final
@frozen
class SharedApart(Diagnostic):
    """Places that share one decision must offer the same options.

    `share = layer`, `group("g")` or a named choice makes several places one decision.
    """

    code = "E0315"
    title = "the decision {id} is shared by places with different options: {first}; and {second}"
    help = "share it less widely, or give it a group or a name of its own"
    id: str
    first: str
    second: str


@final
@frozen
class NotNested(Diagnostic):
    """Of what is searched with shared weights, only channels, kernels and depths can be masked."""

    code = "E0316"
    title = "{what} of {operator} cannot be searched with nested weights"
    help = "say one_of(weights = separate) {{ ... }}, so that every option has weights of its own"
    what: str
    operator: str


@final
@frozen
class OptionsApart(Diagnostic):
    """The options of a choice are weighed against each other, so they must give maps of one type."""

    code = "E0317"
    title = "the options of a choice give maps that differ: {first} and {second}"
    help = (
        "options with weights of their own need one type; a searched number of channels is nested: "
        "conv(1, one_of {{ 16, 24 }}), or one_of(weights = nested) {{ ... }} as an argument"
    )
    first: str
    second: str
    where: str = ""


@final
@frozen
class NotChosen(Diagnostic):
    """A network makes every decision that matters in it."""

    code = "E0318"
    title = "nothing is chosen for {id}"
    help = "write choose {id} = ... in the network"
    id: str


@final
@frozen
class NothingSaid(Diagnostic):
    """A map with selectors must say something for every state."""

    code = "E0319"
    title = "{what} says nothing about layer {layer}, stride {stride}"
    help = "add an entry for it, or other: ..."
    what: str
    layer: int
    stride: str


@final
@frozen
class OverLimit(Diagnostic):
    """A network costs more than its space allows with `limit`.

    `parameters` and `multiply_adds` are those that `hnas show` prints, the latter for one image of the size
    that stands beside them.
    """

    code = "E0322"
    title = "network {name} has {found:,} {figure}, the space allows {most:,}"
    help = "raise the limit, or give the network smaller choices or widths"
    name: str
    figure: str
    found: int
    most: int


@final
@frozen
class NoImageSize(Diagnostic):
    """Multiply-adds are counted for one image, and nothing says how large it is.

    The crop of the block `data` says it; else the size of the data set's images, where all are alike.
    """

    code = "E0323"
    title = "a limit of multiply-adds needs the size of the images"
    help = "give a crop: data NAME {{ crop = 321 }}"


@final
@frozen
class WithinCycle(Diagnostic):
    """Links within a layer go one way: a map cannot be made of itself."""

    code = "E0320"
    title = "the moves within layer {layer} go round in a circle"
    help = "take within(finer) or within(coarser) for a layer, not both"
    layer: int


@final
@frozen
class SizeChanged(Diagnostic):
    """A pad gives a map another size than its stride says.

    A map of stride s has ceil(image / s) pixels, so that maps of one stride can be joined. `pad = same`, the
    default, keeps that for every kernel, and so does half of what the kernel reaches over, (k - 1) / 2
    times the dilation. With another number a map may only go on alone, until `global_pool` or
    `resize(...)` gives it a known size again, as in an auxiliary head.
    """

    code = "E0330"
    title = "pad = {pad} of {layer} changes the size of a map, which must be ceil(image / stride)"
    label = "{why}"
    layer: str
    pad: str
    why: str


@final
@frozen
class AbsentMap(Diagnostic):
    """A head reads a state alone that the network leaves out, and there is nothing else to go on with.

    The map of a state that no chosen move enters is absent: sums, joins and cells go on without it.
    """

    code = "E0331"
    title = "layer {layer} has no map of stride {stride} in this network, which {what} needs"
    help = "join it with others: sum(at(...), at(...)), or read a layer that has one map: at(layer = ...)"
    layer: int
    stride: str
    what: str


@final
@frozen
class SharedShapes(Diagnostic):
    """The moves into a state share the weights of its cell, and bring it maps of different channels.

    A `project` that ends with as many channels as the node, `conv(1, width)`, makes the maps alike; or
    every move has operators of its own.
    """

    code = "E0332"
    title = "the moves into a state share {weights}, which would be {shapes}"
    help = "say operators = per_move, or give project an operator that makes the maps alike: conv(1, width)"
    weights: str
    shapes: str
