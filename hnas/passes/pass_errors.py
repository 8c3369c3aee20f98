"""What can be wrong with passes (E07xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class UnknownPass(Diagnostic):
    """--passes, or `passes=` in Python, names passes of the compiler, each by the name it has there."""

    code = "E0715"
    title = "there is no pass {name}"
    help = "known passes: {known}"
    name: str
    known: str


@final
@frozen
class UnknownLevel(Diagnostic):
    """A level of optimisation chooses the passes: 0 none, 1 those that cost nothing to start, 2 all."""

    code = "E0716"
    title = "there is no optimisation level {level}"
    help = "take 0 to {most}, or name passes"
    level: int
    most: int


@final
@frozen
class RepeatedPass(Diagnostic):
    """What a pass can do to a network it does at once."""

    code = "E0717"
    title = "the pass {name} is asked for twice"
    help = "name it once"
    name: str


@final
@frozen
class PassOrder(Diagnostic):
    """Passes have one order. Each relies on what those behind it have not done yet.

    `share` and `fold` work on one value at a time, so they come before `batch`, which computes many at once.
    """

    code = "E0718"
    title = "the pass {name} cannot run after {after}"
    help = "the order is {order}; any of them may be left out"
    name: str
    after: str
    order: str


@final
@frozen
class BrokenPass(Diagnostic):
    """A pass made something of the network that is not the same network: a fault of hnas, not of the spec.

    What a network computes is checked after every pass, before anything is trained. Until the fault is
    mended, go without the pass.
    """

    code = "E0719"
    title = "the pass {name} broke the network at {place}: {why}"
    help = "leave it out with --passes, or take -O0, and report it"
    name: str
    place: str
    why: str


@final
@frozen
class NoSegment(Diagnostic):
    """`recompute` names the parts of a network that backward computes again, as `hnas plan --memory` does.

    A part is a state of the trellis, `layer2.stride4`, or what begins with one name, `stem.1`, `head`. One
    with an extern operator cannot: what the code of others draws or counts would be drawn and counted twice.
    """

    code = "E0726"
    title = "{name} cannot be computed again: {why}"
    name: str
    why: str
