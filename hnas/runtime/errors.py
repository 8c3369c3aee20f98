"""What can go wrong while a network computes (E07xx)."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class BatchTooSmall(Diagnostic):
    """Batch normalisation of a map of one pixel needs two images at least.

    Image pooling leaves one value a channel and image; the statistics of a single one are its own.
    """

    code = "E0701"
    title = "a batch of one image cannot be normalised in {place}"
    help = "train with a batch of 2 or more"
    place: str
