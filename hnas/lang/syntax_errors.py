"""What can be wrong with the text itself (E01xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class Unreadable(Diagnostic):
    """The file cannot be read as a spec: it is missing, a folder, empty, too large, or not UTF-8 text."""

    code = "E0101"
    title = "cannot read {path}: {why}"
    path: str
    why: str


@final
@frozen
class NoVersion(Diagnostic):
    """A spec begins with the version of the language it is written in, so that it stays readable."""

    code = "E0102"
    title = "the file does not begin with the language version"
    help = "write hnas 1 on its first line"


@final
@frozen
class UnknownVersion(Diagnostic):
    """The spec is written in a version of the language this hnas does not know."""

    code = "E0103"
    title = "hnas {version} is not known here"
    label = "this hnas reads version 1"
    help = "write hnas 1, or install an hnas that reads version {version}"
    version: str


@final
@frozen
class Unclosed(Diagnostic):
    """A bracket or brace that is opened must be closed. Indentation tells which one was left open."""

    code = "E0104"
    title = "this {bracket} is never closed"
    help = "close it with {closing}"
    bracket: str
    closing: str


@final
@frozen
class Unopened(Diagnostic):
    """A closing bracket without one it could close."""

    code = "E0105"
    title = "{found} closes nothing here"
    found: str


@final
@frozen
class BadCharacter(Diagnostic):
    """A character the language does not use outside comments and texts in quotes."""

    code = "E0106"
    title = "{what} means nothing here"
    what: str


@final
@frozen
class UnclosedText(Diagnostic):
    """A text in double quotes ends on the line it begins on."""

    code = "E0107"
    title = "the text is not closed"
    help = 'end it with " on the same line'


@final
@frozen
class MissingValue(Diagnostic):
    """A value starts on the line of its `=`; a forgotten one must not take the next line for it."""

    code = "E0108"
    title = "{key} has no value"
    help = "write the value behind {sign}, on the same line"
    key: str
    sign: str


@final
@frozen
class Unexpected(Diagnostic):
    """Something else was expected at this place."""

    code = "E0109"
    title = "{found} is not expected here"
    label = "{expected}"
    found: str
    expected: str


@final
@frozen
class TooLong(Diagnostic):
    """A spec is bounded, so that checking it always ends soon: 30,000 words and signs."""

    code = "E0110"
    title = "the file is longer than {bound:,} words and signs"
    help = "split it, or declare repeated parts once as an operator or a cell"
    bound: int


@final
@frozen
class LongNumber(Diagnostic):
    """Numbers are exact, and so they are bounded: at most 1e18, with at most 18 digits behind the point."""

    code = "E0112"
    title = "the number {number} is beyond {bound}"
    help = "write it shorter: 1e18 is the largest number, and 18 digits behind the point are kept"
    number: str
    bound: str


@final
@frozen
class TooDeep(Diagnostic):
    """Brackets within brackets, or one expression of hundreds of operators, are bounded."""

    code = "E0111"
    title = "{what} nested deeper than {bound}"
    help = "give a part of it a name: op part = ..."
    what: str
    bound: int
