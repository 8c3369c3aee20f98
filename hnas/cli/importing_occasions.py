"""When `hnas import` says what it does."""

from hnas.cli.occasion import Occasion
from hnas.diag import Source, Span
from hnas.importing.errors import NotOfFormat, OtherOutput, UnknownOperator, WhichGenotype

_CELL = Source("cell.txt", "|nor_conv_3x3~0|+|skip_conect~0|none~1|+|none~0|none~1")
_GENOTYPE = Source("genotypes.py", "    normal_concat=range(2, 5),")
_IMPORT = "hnas import nasbench201 cell.txt"
IMPORTING = (
    Occasion(
        _IMPORT,
        NotOfFormat(
            Span(_CELL, 41, 54),
            path="cell.txt",
            what="a cell of NAS-Bench-201",
            why="a node begins and ends with |",
            advice="a cell is |OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|",
        ),
        "the last sign of the text is lost",
    ),
    Occasion(
        "hnas import darts genotypes.py",
        WhichGenotype(
            None,
            path="genotypes.py",
            number="2 genotypes",
            advice="say which one with --name: DARTS_V1, DARTS_V2",
        ),
        "the file has both",
    ),
    Occasion(
        _IMPORT,
        UnknownOperator(
            Span(_CELL, 18, 29),
            format="NAS-Bench-201",
            name="skip_conect",
            advice="did you mean skip_connect?",
        ),
        "an operator is misspelled",
    ),
    Occasion(
        "hnas import darts genotypes.py",
        OtherOutput(Span(_GENOTYPE, 18, 29), cell="normal", given="n1, n2, n3", have="n1, n2, n3, n4"),
        "a genotype leaves the last node out",
    ),
)
