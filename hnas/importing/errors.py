"""What can be wrong with what is imported (E09xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class NotOfFormat(Diagnostic):
    """What is to be imported is not written as its format is: cut short, damaged, or another format.

    docs/importing.md shows each format. The place is in the file as it stands; of an array it is in its
    values, a row a line.
    """

    code = "E0901"
    title = "cannot import {path} as {what}: {why}"
    path: str
    what: str
    why: str


@final
@frozen
class WhichGenotype(Diagnostic):
    """A file of genotypes has none, or several where one is meant."""

    code = "E0902"
    title = "{path} has {number}"
    path: str
    number: str


@final
@frozen
class UnknownOperator(Diagnostic):
    """The format's operators are known by name, each as an operator of the example's space.

    Another one has no counterpart. Where one of the format's operators would do, write that into the file
    that is imported; or write the network by hand.
    """

    code = "E0903"
    title = "{format} has no operator {name}"
    format: str
    name: str


@final
@frozen
class OtherOutput(Diagnostic):
    """A genotype says which nodes its cell concatenates, and the space's cell puts out others."""

    code = "E0904"
    title = "cell {cell} puts out {given}, that of the space {have}"
    help = "import it into a space whose cell {cell} puts out the same"
    cell: str
    given: str
    have: str
