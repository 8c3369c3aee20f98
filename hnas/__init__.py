"""hnas: a language and compiler for hierarchical neural architecture search.

`Compilation` takes a spec down the whole road; what needs torch is imported when it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hnas.compiler import Compilation as Compilation
    from hnas.diag import Diagnostic as Diagnostic
    from hnas.diag import HnasError as HnasError

__version__ = "0.1.0"

__all__ = ["Compilation", "Diagnostic", "HnasError", "__version__"]

_HOMES = {"Compilation": "hnas.compiler", "Diagnostic": "hnas.diag", "HnasError": "hnas.diag"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hnas' has no attribute {name!r}")
