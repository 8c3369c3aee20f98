"""Cards of the data sets hnas reads: classes, colours and statistics, known without opening a file."""

from collections.abc import Mapping
from typing import Literal, final

from attrs import frozen

Colour = tuple[int, int, int]
Task = Literal["segmentation", "classification"]
Split = Literal["train", "val", "test"]
"""Images to train on, to choose by, and to measure with at the very end."""


@final
@frozen
class DatasetCard:
    """What is known of a data set.

    Attributes:
        name: As specs and `--data NAME=PATH` call it.
        summary: One line for the manual.
        task: What its labels are for.
        classes: Names, in the order of their indices.
        colours: A colour for each class, for drawings.
        mean: Mean of the red, green and blue of its images, of values in 0..1.
        deviation: Standard deviation of the same.
        layout: The files it consists of, in one line; empty where there are none.
        size: Height and width of its images, where all are of one size.
    """

    name: str
    summary: str
    task: Task
    classes: tuple[str, ...]
    colours: tuple[Colour, ...]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    layout: str
    size: tuple[int, int] | None = None


SHAPES = DatasetCard(
    name="shapes",
    summary="generated scenes of large regions and small things; no files",
    task="segmentation",
    classes=("ground", "sky", "water", "disc", "ring", "stripe", "dot", "cross"),
    colours=(
        (110, 110, 90),
        (120, 170, 230),
        (30, 80, 160),
        (200, 60, 50),
        (230, 180, 40),
        (240, 240, 240),
        (20, 20, 20),
        (90, 190, 90),
    ),
    mean=(0.491, 0.488, 0.494),
    deviation=(0.143, 0.133, 0.211),
    layout="",
    size=(97, 129),
)

CAMVID = DatasetCard(
    name="camvid",
    summary="street scenes seen from a car; 11 classes and void, as SegNet laid them out",
    task="segmentation",
    classes=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    colours=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
    mean=(0.411, 0.424, 0.431),
    deviation=(0.301, 0.305, 0.301),
    layout="PATH/train.txt, PATH/val.txt and perhaps PATH/test.txt: lines of `image annotation`; "
    "labels 0 to 10, 11 is void",
)

CITYSCAPES = DatasetCard(
    name="cityscapes",
    summary="street scenes of 50 cities, fine annotations; 19 classes",
    task="segmentation",
    classes=(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
        "sky",
        "person",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    colours=(
        (128, 64, 128),
        (244, 35, 232),
        (70, 70, 70),
        (102, 102, 156),
        (190, 153, 153),
        (153, 153, 153),
        (250, 170, 30),
        (220, 220, 0),
        (107, 142, 35),
        (152, 251, 152),
        (70, 130, 180),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
    mean=(0.287, 0.325, 0.284),
    deviation=(0.187, 0.190, 0.187),
    layout="PATH/leftImg8bit/{train,val}/CITY/*_leftImg8bit.png with "
    "PATH/gtFine/{train,val}/CITY/*_gtFine_labelTrainIds.png, or *_gtFine_labelIds.png",
    size=(1024, 2048),
)

CIFAR10 = DatasetCard(
    name="cifar10",
    summary="32 x 32 photographs of 10 kinds of things, one label an image; val and test are its test part",
    task="classification",
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    colours=(),
    mean=(0.491, 0.482, 0.447),
    deviation=(0.247, 0.243, 0.262),
    layout="PATH/cifar-10-batches-bin/, or PATH itself, with data_batch_1.bin to data_batch_5.bin and "
    "test_batch.bin: the binary version of the archive; or PATH/cifar-10-binary.tar.gz, or that file itself",
    size=(32, 32),
)

_CIFAR100_CLASSES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly "
    "camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup "
    "dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower "
    "leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid "
    "otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray "
    "road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar "
    "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle "
    "wardrobe whale willow_tree wolf woman worm "
)

CIFAR100 = DatasetCard(
    name="cifar100",
    summary="32 x 32 photographs of 100 kinds of things, one label an image; val and test are its test part",
    task="classification",
    classes=tuple(word.replace("_", " ") for word in _CIFAR100_CLASSES.split()),
    colours=(),
    mean=(0.507, 0.487, 0.441),
    deviation=(0.267, 0.256, 0.276),
    layout="PATH/cifar-100-binary/, or PATH itself, with train.bin and test.bin: the binary version of the "
    "archive; or PATH/cifar-100-binary.tar.gz, or that file itself",
    size=(32, 32),
)

IMAGENET = DatasetCard(
    name="imagenet",
    summary="photographs of 1000 kinds of things, one label an image; known to check and to count, not read",
    task="classification",
    classes=tuple(f"class {number}" for number in range(1000)),
    colours=(),
    mean=(0.485, 0.456, 0.406),
    deviation=(0.229, 0.224, 0.225),
    layout="",
)

FOLDER = DatasetCard(
    name="folder",
    summary="images and labels of one's own, in a folder; its classes stand in the spec",
    task="segmentation",
    classes=(),
    colours=(),
    mean=IMAGENET.mean,
    deviation=IMAGENET.deviation,
    layout="PATH/images/ and PATH/labels/ with files of the same names, PNG labels; below both train/, "
    "val/ and perhaps test/, or PATH/train.txt, PATH/val.txt and perhaps PATH/test.txt, or neither; "
    "perhaps PATH/classes.txt",
)
"""Without classes: `classes.folder_card` fills them in."""

CARDS: Mapping[str, DatasetCard] = {
    c.name: c for c in (SHAPES, CAMVID, CITYSCAPES, CIFAR10, CIFAR100, IMAGENET, FOLDER)
}
"""Every data set by name; that of `folder` has the classes a spec gives it."""
