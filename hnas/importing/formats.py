"""The formats that are read, by name: a further one is a module and a line here."""

from collections.abc import Callable, Mapping

from hnas.diag import Sink
from hnas.importing.autodeeplab import read_autodeeplab
from hnas.importing.darts import read_darts
from hnas.importing.found import Found, Given
from hnas.importing.nasbench201 import read_nasbench201

Reader = Callable[[Given, Sink], Found | None]
"""Reads what is given; None after a diagnostic. What cannot be read at all raises HnasError."""

READERS: Mapping[str, Reader] = {
    "darts": read_darts,
    "nasbench201": read_nasbench201,
    "autodeeplab": read_autodeeplab,
}
"""The keys are `FORMATS` of the package."""
