"""hnas: a language and compiler for hierarchical neural architecture search.

`load` gives the space of a spec, `open` the run of a search; `Compilation` takes a spec down the whole
road, stage by stage. What needs torch is imported when it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hnas.api.run import Run as Run
    from hnas.api.run import open as open
    from hnas.api.space import Location as Location
    from hnas.api.space import SearchSpace as SearchSpace
    from hnas.api.space import load as load
    from hnas.compiler import Compilation as Compilation
    from hnas.diag import Diagnostic as Diagnostic
    from hnas.diag import HnasError as HnasError
    from hnas.engine.kernels import use_kernels as use_kernels
    from hnas.ir.decisions import Architecture as Architecture

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "hnas.ir.decisions",
    "Compilation": "hnas.compiler",
    "Diagnostic": "hnas.diag",
    "HnasError": "hnas.diag",
    "Location": "hnas.api.space",
    "Run": "hnas.api.run",
    "SearchSpace": "hnas.api.space",
    "load": "hnas.api.space",
    "open": "hnas.api.run",
    "use_kernels": "hnas.engine.kernels",
}

__all__ = [
    "Architecture",
    "Compilation",
    "Diagnostic",
    "HnasError",
    "Location",
    "Run",
    "SearchSpace",
    "__version__",
    "load",
    "open",
    "use_kernels",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hnas' has no attribute {name!r}")
