"""The super-network: a lowered program and the architecture parameters that weigh its mixes."""

from typing import final

from torch import Tensor, nn

from hnas.ir.decisions import DecisionTable
from hnas.ir.program import Program
from hnas.runtime.arch import ArchParams
from hnas.runtime.lower import lower


@final
class SuperNet(nn.Module):
    """images (N, 3, H, W) to scores (N, classes, H, W), every option computed and weighed.

    Its parameters are of two kinds, total and disjoint: `network` holds the weights, `arch` alpha
    and beta.
    """

    def __init__(
        self, program: Program, table: DecisionTable, init: tuple[float, float], *, allow_extern: bool = False
    ) -> None:
        super().__init__()
        self.network = lower(program, allow_extern=allow_extern)
        self.arch = ArchParams(table, init)
        missing = set(self.network.groups) - set(self.arch.logits)
        assert not missing, f"mixes name groups no decision has: {sorted(missing)}"

    def forward(self, images: Tensor, deadline: float | None = None) -> Tensor:
        """The relaxed network's scores; TimeoutError once `deadline`, by time.monotonic, has passed.

        In training mode options are drawn where `relax` says so; else all are weighed.
        """
        weights = self.arch.training_weights() if self.training else self.arch.weights()
        return self.network(images, weights, deadline)

    def weight_parameters(self) -> list[nn.Parameter]:
        """What the weight step trains."""
        return list(self.network.parameters())

    def arch_parameters(self) -> list[nn.Parameter]:
        """What the architecture step trains."""
        return list(self.arch.parameters())
