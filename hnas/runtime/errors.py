"""What can go wrong while a network computes (E07xx)."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class BatchTooSmall(Diagnostic):
    """Batch normalisation of a map of one pixel needs two images at least.

    Image pooling leaves one value a channel and image; the statistics of a single one are its own.
    """

    code = "E0701"
    title = "a batch of one image cannot be normalised in {place}"
    help = "train with a batch of 2 or more"
    place: str


@final
@frozen
class ExternRefused(Diagnostic):
    """Building the class that an `extern op` names runs Python code; that is done only when asked for."""

    code = "E0705"
    title = "extern op {name} is Python code, {target}"
    help = "if you trust it, say --allow-extern"
    name: str
    target: str


@final
@frozen
class ExternFailed(Diagnostic):
    """The class that an `extern op` names cannot be imported or built.

    It is called with the channels of the map it gets, `channels`, and the operator's parameters by name,
    and must be a torch.nn.Module.
    """

    code = "E0706"
    title = "extern op {name}: {target} cannot be built: {why}"
    name: str
    target: str
    why: str


@final
@frozen
class ExternResult(Diagnostic):
    """What an `extern op` gives is not what it declares: the rest of the network is built for that."""

    code = "E0707"
    title = "extern op {name} gives {given}, it declares {declared}"
    help = "mend channels and stride of the extern op, or the class"
    name: str
    given: str
    declared: str


@final
@frozen
class NoCompiler(Diagnostic):
    """torch.compile makes C++ of a network for a processor, and there is nothing to compile it with.

    Only `--compile on` needs a compiler: everything else works without.
    """

    code = "E0727"
    title = "--compile on needs a C++ compiler, and {name} is not found here"
    help = "install one, name it with CXX, or leave it: --compile off"
    name: str


@final
@frozen
class CompileFails(Diagnostic):
    """torch.compile does not get through with a network, or the compiler it calls does not.

    Extern operators are followed too: what their Python code does beside calling torch may stop it.
    """

    code = "E0728"
    title = "torch cannot compile the network: {why}"
    help = "compute without: --compile off"
    why: str
