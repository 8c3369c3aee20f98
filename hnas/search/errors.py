"""What can be wrong with a search (E04xx)."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class NoArchStep(Diagnostic):
    """alpha and beta stay where they started: what is decoded then is a random architecture."""

    code = "W0401"
    severity = "warning"
    title = (
        "no architecture step will run: alpha and beta are left alone for {from_epoch} of {epochs} epochs, "
        "and the run stops after step {last}"
    )
    help = "raise --max-steps, or lower it with --set search.arch.from_epoch=N"
    from_epoch: int
    epochs: int
    last: int


@final
@frozen
class NothingLearnt(Diagnostic):
    """A search trains weights and choices in turn, and of one of the two there is nothing to train.

    Either the space holds no choice, as one whose path and operators are fixed; or what is searched, or
    every layer with weights, stands behind `none`, whose zeros let nothing through.
    """

    code = "E0404"
    title = "{space} cannot be searched: {why}"
    help = "hnas compile SPEC --emit decisions lists the choices; hnas show SPEC draws where they stand"
    space: str
    why: str


@final
@frozen
class FoundOverLimit(Diagnostic):
    """What was found costs more than its space allows with `limit`: decoding does not weigh costs.

    The file is written all the same; `hnas check` and `hnas train` refuse it until the limit is raised or a
    choice of it is changed.
    """

    code = "W0403"
    severity = "warning"
    title = "the network that was found has {found:,} {figure}, the space allows {most:,}"
    help = "raise the limit, or change a choice of it; hnas show FILE prints what it costs"
    figure: str
    found: int
    most: int
