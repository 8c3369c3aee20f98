"""What options of the command line are given: times, numbers of threads, sizes, factors."""

import os
import re
from typing import final

import click


@final
class Seconds(click.ParamType[float]):
    """A time: a number of seconds, or one with s, m or h behind it."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        text = str(value)
        units = {"s": 1.0, "m": 60.0, "h": 3600.0}
        factor = units.get(text[-1:], 1.0)
        try:
            seconds = float(text[:-1] if text[-1:] in units else text) * factor
        except ValueError:
            self.fail(f"{text!r} is no time; write seconds, or 90s, 5m, 1h", param, ctx)
        if not 0 < seconds < float("inf"):
            self.fail(f"{text!r} is no time above 0", param, ctx)
        return seconds


@final
class WholeNumber(click.ParamType[int]):
    """A whole number of any length."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        from hnas.ir.numbers import any_length

        text = str(value).replace(",", "")  # as hnas prints them, and other digits go on to be refused
        digits = text.removeprefix("-")
        if text.startswith("-") and not digits.isdigit():
            raise click.NoSuchOption(text, ctx=ctx)
        if not (digits.isascii() and digits.isdigit()):
            shown = text if len(text) <= 40 else f"{text[:40]}..."
            self.fail(f"{shown!r} is no whole number; write its digits", param, ctx)
        with any_length():
            return int(text)


@final
class Threads(click.ParamType[str]):
    """`auto`, or a number of threads."""

    name = "threads"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is, checked."""
        text = str(value)
        most = 4 * (os.cpu_count() or 1)  # beyond, threads only wait for each other
        if text != "auto" and not (text.isdigit() and 1 <= int(text) <= most):
            self.fail(f"{text!r} is neither auto nor a number from 1 to {most}", param, ctx)
        return text


@final
class Passes(click.ParamType[tuple[str, ...]]):
    """Names of passes with commas between them; of `level`, a level of optimisation."""

    name = "passes"

    def __init__(self, *, level: bool = False) -> None:
        self.level = level

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The passes by name, in order."""
        from hnas.diag import HnasError
        from hnas.passes.pipeline import LEVELS, chosen

        text = str(value)
        if self.level and text not in map(str, LEVELS):
            self.fail(f"{text!r} is no level; there are {', '.join(map(str, LEVELS))}", param, ctx)
        try:
            return chosen(int(text) if self.level else text)
        except HnasError as error:
            (wrong,) = error.diagnostics
            self.fail(f"{wrong.message}; {wrong.help_text}", param, ctx)


@final
class Bytes(click.ParamType[int]):
    """An amount of memory: `6GiB`, `512MiB`."""

    name = "memory"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?([KMGT])iB", str(value), re.ASCII)
        if found is None:
            self.fail(f"{value!s} is no memory; write it in MiB or GiB, like 512MiB or 6GiB", param, ctx)
        bytes_ = int(float(found.group(1)) * 2 ** (10 * (1 + "KMGT".index(found.group(2)))))
        if bytes_ < 1:
            self.fail(f"{value!s} is no memory above 0", param, ctx)
        return bytes_


@final
class Pixels(click.ParamType[tuple[int, int]]):
    """Height and width: `513x1025`."""

    name = "pixels"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """(height, width)."""
        found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", str(value), re.ASCII)
        if found is None:
            self.fail(f"{value!s} is no HxW in pixels, like 513x1025", param, ctx)
        return int(found.group(1)), int(found.group(2))


@final
class Factors(click.ParamType[tuple[float, ...]]):
    """Factors above 0, separated by commas: `0.75,1,1.25`."""

    name = "factors"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers."""
        try:
            found = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            found = ()
        if not found or not all(0.05 <= factor <= 20 for factor in found):
            self.fail(f"{value!s} are no factors from 0.05 to 20, like 0.75,1,1.25", param, ctx)
        return found
