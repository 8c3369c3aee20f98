"""Classes of one's own: the lines of classes.txt, and the card of the data set `folder`.

A line is `name`, or `name R G B`. The class `void` counts for nothing and may stand several times.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import final

from attrs import evolve, frozen

from hnas.schema.datasets import FOLDER, Colour, DatasetCard, Task

VOID = "void"
"""The name of what counts for nothing."""

MOST_CLASSES = 255
"""A label is a byte, and 255 is void."""

_CLASS_FOLDERS = "PATH/train/CLASS/ and PATH/val/CLASS/ with images, or PATH/CLASS/ and a fifth of it is val"

LONGEST_NAME = 80
"""Characters."""


@final
@frozen
class ClassName:
    """A class, or `void`, at its place in the list: the value its pixels have.

    Attributes:
        name: As messages and drawings call it.
        colour: Red, green and blue; None where none is given.
    """

    name: str
    colour: Colour | None = None


def parse_class(line: str) -> ClassName | str:
    """A line of classes.txt, or what is wrong with it.

    Names may have spaces: a colour is three numbers at the end.
    """
    words = line.split()
    numbers = list(takewhile(str.isdecimal, reversed(words[1:])))
    if len(numbers) < 2:
        return ClassName(" ".join(words))  # `class 7` is a name
    blue, green, red = [int(number) for number in numbers[:3]] if len(numbers) == 3 else (-1, -1, -1)
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        return "a colour is three whole numbers from 0 to 255: red, green and blue"
    return ClassName(" ".join(words[:-3]), (red, green, blue))


def fault_of(listed: Sequence[ClassName]) -> tuple[int, str] | None:
    """The first class that cannot stand where it does, and why; -1 where it is the list as a whole."""
    seen: dict[str, int] = {}
    colours: dict[Colour, int] = {}
    for at, each in enumerate(listed):
        if not each.name.strip() or not each.name.isprintable():
            return at, "a class has a name that can be printed"
        if len(each.name) > LONGEST_NAME:
            return at, f"a name has at most {LONGEST_NAME} characters"
        if each.name in seen and each.name != VOID:
            return at, f"{each.name} is there twice"
        if each.colour is not None and each.colour in colours:
            return at, f"{each.name} has the colour of {listed[colours[each.colour]].name}"
        seen[each.name] = at
        if each.colour is not None:
            colours[each.colour] = at
    if len(listed) > MOST_CLASSES:
        return -1, f"there are {len(listed)}, and at most {MOST_CLASSES} can be told apart"
    if not any(each.name != VOID for each in listed):
        return -1, "there is none"
    return None


def folder_card(listed: Sequence[ClassName], task: Task) -> DatasetCard:
    """The card of a folder of images with these classes; a class without a colour gets one."""
    spare = iter(_palette(len(listed) + sum(each.colour is not None for each in listed) + 1)[1:])
    taken = {each.colour for each in listed}
    named = [each for each in listed if each.name != VOID]
    colours = tuple(each.colour or next(c for c in spare if c not in taken) for each in named)
    layout = FOLDER.layout if task == "segmentation" else _CLASS_FOLDERS
    return evolve(
        FOLDER, task=task, layout=layout, classes=tuple(each.name for each in named), colours=colours
    )


def _palette(number: int) -> list[Colour]:
    """The colours of Pascal VOC's label images: the bits of an index, spread over red, green and blue."""
    found: list[Colour] = []
    for index in range(number):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
        found.append((channels[0], channels[1], channels[2]))
    return found
