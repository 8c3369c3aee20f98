"""Diagnostics: places in a text, what is said about them, and how that reads."""

from hnas.diag.diagnostic import Diagnostic as Diagnostic
from hnas.diag.diagnostic import HnasError as HnasError
from hnas.diag.diagnostic import InternalError as InternalError
from hnas.diag.diagnostic import Note as Note
from hnas.diag.diagnostic import Sink as Sink
from hnas.diag.diagnostic import did_you_mean as did_you_mean
from hnas.diag.diagnostic import distinct as distinct
from hnas.diag.source import Source as Source
from hnas.diag.source import Span as Span
