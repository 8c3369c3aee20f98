"""What is said where an expression has no value."""

from hnas.diag import Span

COMPARE = "compare two values: a if stride == 4 else b"


class EvaluationError(Exception):
    """An expression has no value; `str()` says why, `span` says where, `mend` what to write instead."""

    def __init__(self, message: str, span: Span, mend: str = "") -> None:
        super().__init__(message)
        self.span, self.mend = span, mend
