"""Architectures that other people's code found, as networks of a space. Needs no torch.

One module a format; `formats.py` is the table of them. A reader gives the choices by name with their
places in what was read; `place.py` spells them as a network block, which is read like any other.
Nothing that is imported is executed or unpickled.
"""

FORMATS = ("darts", "nasbench201", "autodeeplab")
"""The formats that are read, as the command line calls them."""
