"""A sheet of samples: each image beside itself with its labels laid over, and the colours' names."""

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from hnas.data.base import VOID
from hnas.schema.datasets import DatasetCard

_WIDTH, _GAP, _LINE = 260, 6, 16
"""Pixels: of an image on the sheet, between two of them, of a line of text."""
_PAIRS = 2
"""Images with their labels in a row."""
_SHOWN = 0.55
"""How much of an overlay is the colour of its class."""


def draw_sheet(samples: Iterable[tuple[str, Tensor, Tensor]], card: DatasetCard) -> bytes:
    """A PNG of samples: name, image uint8 (3, H, W), labels uint8 (H, W) or ().

    Void is white; of an image with one label, the label stands above it.
    """
    font = ImageFont.load_default()
    tiles = [_tile(*sample, card, font) for sample in samples]
    across = _PAIRS if card.task == "segmentation" else 2 * _PAIRS
    rows = [tiles[at : at + across] for at in range(0, len(tiles), across)]
    legend = _legend(card, font, max(sum(t.width + _GAP for t in row) for row in rows))
    width = max(legend.width, *(sum(t.width + _GAP for t in row) for row in rows)) + _GAP
    height = sum(max(t.height for t in row) + _GAP for row in rows) + legend.height + _GAP
    sheet = Image.new("RGB", (width, height), "white")
    top = _GAP
    for row in rows:
        left = _GAP
        for tile in row:
            sheet.paste(tile, (left, top))
            left += tile.width + _GAP
        top += max(t.height for t in row) + _GAP
    sheet.paste(legend, (_GAP, top))
    data = io.BytesIO()
    sheet.save(data, "PNG")
    return data.getvalue()


def _tile(
    name: str,
    image: Tensor,
    label: Tensor,
    card: DatasetCard,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> Image.Image:
    pixels = image.permute(1, 2, 0).numpy()
    parts = [Image.fromarray(pixels)]
    if label.ndim:
        colours = np.full((256, 3), 255, np.float64)
        colours[: len(card.colours)] = card.colours
        laid = (1 - _SHOWN) * pixels + _SHOWN * colours[label.numpy()]
        parts.append(Image.fromarray(laid.round().astype(np.uint8)))
    else:
        name = f"{card.classes[int(label)] if int(label) != VOID else 'void'}  {name}"
    height = max(1, round(_WIDTH * pixels.shape[0] / pixels.shape[1]))
    if height > 2 * _WIDTH:
        height = 2 * _WIDTH
    tile = Image.new("RGB", (len(parts) * (_WIDTH + _GAP) - _GAP, height + _LINE), "white")
    ImageDraw.Draw(tile).text((0, 1), _fitting(name, tile.width, font), "black", font)
    for number, part in enumerate(parts):
        tile.paste(part.resize((_WIDTH, height)), (number * (_WIDTH + _GAP), _LINE))
    return tile


def _fitting(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The end of a text that is too long, which for a path says most; signs the font lacks are `?`."""
    text = text.encode("latin-1", "replace").decode("latin-1")
    while font.getlength(text) > width and len(text) > 1:
        text = "..." + text.removeprefix("...")[1:]
    return text


def _legend(card: DatasetCard, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> Image.Image:
    """The classes with their colours, in columns; nothing where an image has one label."""
    if card.task != "segmentation":
        return Image.new("RGB", (1, 1), "white")
    named = [*zip(card.classes, card.colours, strict=True), ("void", (255, 255, 255))]
    names = [_fitting(name, 160, font) for name, _ in named]
    column = _LINE + _GAP + int(max(font.getlength(name) for name in names)) + 2 * _GAP
    across = max(1, width // column)
    legend = Image.new("RGB", (max(width, column), _LINE * -(-len(named) // across)), "white")
    draw = ImageDraw.Draw(legend)
    for number, (_, colour) in enumerate(named):
        left, top = number % across * column, number // across * _LINE
        draw.rectangle((left, top + 2, left + _LINE - 4, top + _LINE - 3), colour, "black")
        draw.text((left + _LINE + _GAP, top + 1), names[number], "black", font)
    return legend
