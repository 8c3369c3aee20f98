"""A lowered network as text: what `--emit module` prints."""

from collections.abc import Iterator

from hnas.runtime.lower import Network
from hnas.runtime.segments import Segment
from hnas.runtime.steps import Step
from hnas.runtime.supernet import SuperNet


def print_module(module: SuperNet | Network) -> str:
    """Every parameter with its shape, then every step: its slot, what it does, the slots it reads."""
    network = module.network if isinstance(module, SuperNet) else module
    return "\n".join(_lines(module, network)) + "\n"


def _lines(module: SuperNet | Network, network: Network) -> Iterator[str]:
    yield f"{type(module).__name__}: {sum(p.numel() for p in module.parameters()):,} parameters"
    for name, parameter in module.named_parameters():
        yield f"  {name}: {' x '.join(map(str, parameter.shape))}"
    yield f"{len(network.steps):,} steps, slot 0 is the image"
    for step in network.steps:
        yield f"  {_record(step)}"
        if isinstance(step, Segment):
            yield from (f"    {_record(each)}" for each in step.steps)
    yield f"  return %{network.result}"


def _record(step: Step) -> str:
    operands = ", ".join(f"%{slot}" for slot in step.operands)
    return f"%{step.out} = {type(step).__name__.lower()}({operands})  {step.path}"
