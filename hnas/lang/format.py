"""`hnas fmt`: the one canonical form of a text.

Comments are kept, and what the text means; breaks between items, after commas and before operators stay
where they were. All else is decided: indentation, spaces, blank lines, what is aligned.
"""

from hnas.diag import HnasError, Source
from hnas.lang import ast
from hnas.lang.align import render
from hnas.lang.layout import break_lines, lines_of, with_last_commas
from hnas.lang.parser import parse
from hnas.lang.pieces import pieces_of


def format_text(source: Source) -> str:
    """`source` in canonical form. Formatting that again changes nothing.

    Raises:
        HnasError: With every syntax error of the text.
    """
    file = parse(source)
    text = _formatted(source, file, adding=True)
    try:
        parse(Source(source.name, text))
    except HnasError:
        # at the bounds of length and nesting, what is added for reading is one too many
        return _formatted(source, file, adding=False)
    return text


def _formatted(source: Source, file: ast.File, *, adding: bool) -> str:
    """`adding`: whether parentheses and commas may be added."""
    pieces = pieces_of(source, file, parentheses=adding)
    break_lines(pieces)
    return render(lines_of(with_last_commas(pieces) if adding else pieces))
