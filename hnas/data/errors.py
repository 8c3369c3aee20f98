"""What can be wrong with a data set (E05xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class NoDataset(Diagnostic):
    """The data set of the spec is not on this machine: hnas downloads nothing.

    Give its folder with `--data NAME=PATH`, or put it under $HNAS_DATA/NAME.
    """

    code = "E0501"
    title = "the data set {name} is not on this machine"
    help = "give its folder with --data {name}=PATH, or set HNAS_DATA to the folder above {name}/"
    name: str


@final
@frozen
class BadRoot(Diagnostic):
    """The folder given for a data set is not there, or is no folder."""

    code = "E0502"
    title = "{name}: {path} {why}"
    help = "{layout}"
    name: str
    path: str
    why: str
    layout: str


@final
@frozen
class MissingPart(Diagnostic):
    """A list or folder that the data set's layout has is missing, or empty."""

    code = "E0503"
    title = "{name}: {path} {why}"
    help = "expected: {layout}"
    name: str
    path: str
    why: str
    layout: str


@final
@frozen
class BadLine(Diagnostic):
    """A line of a list does not name an image and its annotation."""

    code = "E0504"
    title = "{path}, line {line}: {why}"
    help = "a line is: image annotation"
    path: str
    line: int
    why: str


@final
@frozen
class BadImage(Diagnostic):
    """An image or an annotation cannot be read: it is missing, cut short, or no image."""

    code = "E0505"
    title = "{path}: {why}"
    help = "replace the file, or take it out of the list"
    path: str
    why: str


@final
@frozen
class SizesDiffer(Diagnostic):
    """An annotation says what every pixel of its image shows; both have the same size."""

    code = "E0506"
    title = "{annotation} is {annotation_size}, its image {image} is {image_size}"
    help = "annotations must have the size of their image"
    annotation: str
    annotation_size: str
    image: str
    image_size: str


@final
@frozen
class LabelOutOfRange(Diagnostic):
    """A label stands for no class of the set.

    Annotations are images of one channel, a class index a pixel; convert those of another numbering first.
    Those of `data folder { labels = colours }` have the colours of the classes, and no other one.
    """

    code = "E0507"
    title = "{path} has label {value}; the labels of {name} are {allowed}"
    path: str
    value: int | str
    name: str
    allowed: str


@final
@frozen
class TooFewImages(Diagnostic):
    """The images are split into a half for the weights and one for the architecture: neither may be empty."""

    code = "E0508"
    title = "{name} has {images} training images, too few to split"
    help = "give more images, or another split in the block data"
    name: str
    images: int


@final
@frozen
class BadDataFlag(Diagnostic):
    """`--data` takes the name of a data set and the folder it lies in."""

    code = "E0509"
    title = "--data {given}: {why}"
    help = "write --data NAME=PATH, like --data camvid=/data/camvid"
    given: str
    why: str


@final
@frozen
class UnusedData(Diagnostic):
    """A data set was given that the spec does not read, and the one it reads was not."""

    code = "E0510"
    title = "--data gives {given}, but the spec reads {name}"
    help = "give --data {name}=PATH, or choose a profile that reads it: the profiles are {profiles}"
    given: str
    name: str
    profiles: str


@final
@frozen
class NotRead(Diagnostic):
    """Of this data set hnas knows the classes only: its specs are checked, counted and built, not run.

    A space is searched on another set of the same task, as most papers do it before they transfer what
    was found. Whoever trains in Python gives batches of their own.
    """

    code = "E0514"
    title = "the images of {name} are not read by hnas"
    help = "take another data set of the same task, like --set data=cifar10"
    name: str


@final
@frozen
class OtherAxes(Diagnostic):
    """The space computes on maps of one or of three axes, the data sets of hnas hold images, of two.

    Such a space is checked, counted and built; a step of its search is made from Python, on batches of
    one's own: (N, 3, D, H, W) and labels (N, D, H, W) for `dims = 3`.
    """

    code = "E0515"
    title = "the space has maps of {dims} axes, the images of {name} have 2"
    help = "make the steps from Python, on batches of your own, or take dims = 2"
    dims: int
    name: str


@final
@frozen
class MixedSizes(Diagnostic):
    """Images of a batch must be of one size; without a crop they keep their own."""

    code = "E0511"
    title = "a batch has {first} and {second} pixels"
    help = "set data.crop, or data.resize to bring all images to one size"
    first: str
    second: str


@final
@frozen
class BatchTooLarge(Diagnostic):
    """A pass over the images, while searching over those of a half, makes one step at least."""

    code = "E0513"
    title = "a batch of {batch} is more than {whole}: {images}"
    help = "lower it with --batch"
    batch: int
    images: int
    whole: str = "a half of the training images has"


@final
@frozen
class ClassesDiffer(Diagnostic):
    """The folder of a data set says other classes than the spec, or has them in another order.

    The order decides which value of a label means which class: both lists must be the same. A spec may
    name the list itself: `data folder { classes = "classes.txt" }`.
    """

    code = "E0516"
    title = "class {at} is {have} in {path}, and {want} in the spec"
    help = "make the two lists agree; classes are counted from 0, `void` too"
    path: str
    at: int
    have: str
    want: str


@final
@frozen
class NoSplit(Diagnostic):
    """There are no labels to measure with: the folder has no such part, or its publisher keeps them.

    The labels of the test images of Cityscapes are not public; a server tells what labels are worth. A
    folder of one's own has a test part where it has `images/test` with `labels/test`, or `test.txt`; of
    images with a label each, `test/CLASS`.
    """

    code = "E0520"
    title = "{name} has no images for {split}"
    name: str
    split: str


@final
@frozen
class NoPictures(Diagnostic):
    """`hnas predict` takes an image, or a folder with images right in it."""

    code = "E0521"
    title = "{path}: {why}"
    help = "name an image or a folder of images ({suffixes})"
    path: str
    why: str
    suffixes: str
