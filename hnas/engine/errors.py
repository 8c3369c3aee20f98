"""What can be wrong with run folders and checkpoints (E06xx), devices and running (E07xx)."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class RunExists(Diagnostic):
    """A run never overwrites what another one left."""

    code = "E0601"
    title = "{path} is there already and not empty"
    help = "choose another folder with --out, or go on with the run in it: --resume {path}"
    path: str


@final
@frozen
class NoRun(Diagnostic):
    """The folder is not one that `hnas search` made, or `hnas train` where a trained network is needed."""

    code = "E0602"
    title = "{path} is no run folder: {why}"
    help = "name a folder that {made} made, runs/NAME-DATE-TIME"
    path: str
    why: str
    made: str = "hnas search"


@final
@frozen
class RunBusy(Diagnostic):
    """Two processes must not write to one run."""

    code = "E0603"
    title = "another process is writing to {path}"
    help = "wait for it, or stop it"
    path: str


@final
@frozen
class CannotWrite(Diagnostic):
    """A file cannot be written: the disk is full, or the folder may not be written to."""

    code = "E0604"
    title = "cannot write {path}: {why}"
    help = "make room or choose another folder; what was written before is untouched"
    path: str
    why: str


@final
@frozen
class NoCheckpoint(Diagnostic):
    """The run has no checkpoint that can be read: it was stopped before the first, or all are damaged."""

    code = "E0605"
    title = "{path} has no checkpoint to go on from: {why}"
    help = "--resume {path} goes on where there is one, and starts again where there is none yet"
    path: str
    why: str


@final
@frozen
class DamagedCheckpoint(Diagnostic):
    """A checkpoint cannot be read, so the one before it is used.

    Nothing needs to be done: the steps since are made again.
    """

    code = "W0601"
    severity = "warning"
    title = "{path} is damaged ({why}); the one before it is used"
    path: str
    why: str


@final
@frozen
class KernelsChanged(Diagnostic):
    """A run is repeated to the bit only by the kernels it was computed with, and some of them are gone.

    Where a C compiler is found, hnas computes some gradients by kernels of its own. A run goes on with what
    it began with; where that was in C and there is no compiler any more, torch's own kernels go on. Results
    are as good; they differ from those of an unbroken run by rounding.
    """

    code = "W0602"
    severity = "warning"
    title = "{before} computed the run so far, {now} go on: results differ in their last bits"
    help = "a C compiler is found in $CC, or as cc, gcc or clang"
    before: str
    now: str


@final
@frozen
class OtherRun(Diagnostic):
    """A checkpoint goes on exactly or not at all: it was made with another spec or seed."""

    code = "E0606"
    title = "{path} belongs to run {given}, this is run {have}"
    help = "put the run's own checkpoint back: each belongs to the spec, the network and the seed of its run"
    path: str
    given: str
    have: str


@final
@frozen
class SpecChanged(Diagnostic):
    """A run goes on with the very spec it began with: its weights and choices belong to that one."""

    code = "E0607"
    title = "{path} was changed since the run began: its {which} differ"
    help = "undo the change, or begin a run of its own with the changed file"
    path: str
    which: str


@final
@frozen
class NoWeights(Diagnostic):
    """A file says what a network is made of; its weights are in the folder of the run that trained it."""

    code = "E0608"
    title = "{path} is a network without weights"
    help = "train it first with hnas train {path}, then name the folder of that run"
    path: str


@final
@frozen
class NothingInherited(Diagnostic):
    """Weights are taken over by name and shape, and none of the other run's fits.

    They do where the network is trained in the form it was searched in: what only the block train or the
    space after --as changes, width above all, has weights of other shapes.
    """

    code = "E0609"
    title = "none of the weights of {path} fits the network"
    help = "leave --inherit out: the network is trained from scratch"
    path: str


@final
@frozen
class NotForImages(Diagnostic):
    """Sliding windows are put together pixel by pixel, and label files have a label a pixel.

    The one label of a whole image is printed.
    """

    code = "E0610"
    title = "{flag} is for labels of pixels, this network labels whole images"
    help = "leave {flag} out"
    flag: str


@final
@frozen
class OtherWeights(Diagnostic):
    """A checkpoint has the weights of one network alone, by name: they are of another one.

    Where the files of the run are as they were, another version of hnas made it, which run.json names. A
    search has no weights yet for a found network whose widths depend on the choices.
    """

    code = "E0612"
    title = "{path} has the weights of another network: {name} {why}"
    help = "open it with the version of hnas that run.json names, or train the network again"
    path: str
    name: str
    why: str


@final
@frozen
class AlreadyFinished(Diagnostic):
    """The run has made all the steps it was asked for; there is nothing to go on with."""

    code = "W0402"
    severity = "warning"
    title = "the run is finished: {step} of {steps} steps are done"
    help = "a run stopped by --max-steps goes on with a larger number"
    step: int
    steps: int


@final
@frozen
class NoDevice(Diagnostic):
    """The device asked for is not on this machine."""

    code = "E0702"
    title = "there is no device {name} here"
    help = "there are: {known}"
    name: str
    known: str


@final
@frozen
class OutOfMemory(Diagnostic):
    """The super-network with its maps for one batch does not fit into memory."""

    code = "E0703"
    title = "out of memory {where}"
    help = "lower the batch (--batch), the crop (--set data.crop=...), F, B or L (--set F=4)"
    where: str


@final
@frozen
class TooLittleMemory(Diagnostic):
    """--memory bounds what training holds at once: weights, statistics, the optimiser's state, and a pass.

    Backward can compute again what forward has computed, part by part of the network; of such a part only
    what goes into it is kept. What remains, weights and gradients above all, does not get less that way.
    """

    code = "E0725"
    title = "training does not fit into {memory}: it takes {least} at least"
    help = "--memory {smallest} would do; or lower --batch, the crop (--set data.crop=...), F, B or L"
    memory: str
    least: str
    smallest: str


@final
@frozen
class MemoryCompiled(Diagnostic):
    """torch.compile decides by itself what of a pass is kept for backward: no plan of ours can bound that.

    With `--compile auto` a run that keeps to `--memory` is not compiled.
    """

    code = "E0729"
    title = "a run compiled by torch cannot keep to {memory}: --memory does not go with --compile on"
    help = "compute without: --compile off; or leave out --memory"
    memory: str


@final
@frozen
class NotFinite(Diagnostic):
    """A loss is infinite or no number. The update it would have made was not made.

    The last checkpoint holds the state before. A lower learning rate, or `clip` in the block
    search or train, is the usual mend.
    """

    code = "E0704"
    title = "the loss of the {which} step is {value} at step {step}; nothing was updated"
    help = "lower the learning rate or set {block}.clip; the last checkpoint is kept"
    which: str
    value: str
    step: int
    block: str = "search"


@final
@frozen
class ScoresDoNotFit(Diagnostic):
    """The result of the head and the labels of the data set are not of the same size.

    Where every pixel has a label, the head ends with `resize(1)`, the size of the image. Where the whole
    image has one, it ends with a map of one pixel: `global_pool -> linear(classes)`.
    """

    code = "E0708"
    title = "the head gives scores of {scores}, the labels are {labels}"
    help = "end it with resize(1) for a label a pixel, with global_pool -> linear(classes) for one an image"
    scores: str
    labels: str


@final
@frozen
class PassFails(Diagnostic):
    """A pass over images of this size stops at a layer, whatever memory there is.

    A pool or a convolution without padding needs a map of at least its own size; the class of an extern
    operator may ask for values, which a plan has none of.
    """

    code = "E0720"
    title = "a pass over images of {image} stops {place}: {why}"
    help = "plan for larger images: --size HxW"
    image: str
    place: str
    why: str
