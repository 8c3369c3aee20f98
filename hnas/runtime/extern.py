"""Python classes that a spec names: imported and built only where that was asked for."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from torch import nn

from hnas.diag import HnasError, Span
from hnas.ir.expr import Value
from hnas.runtime.errors import ExternFailed, ExternRefused


def build_extern(
    name: str, target: str, channels: int, args: Mapping[str, Value], span: Span, *, allowed: bool
) -> nn.Module:
    """The module of an extern operator that gets a map of `channels`.

    Raises:
        HnasError: It is not allowed, cannot be imported or built, or is no torch module.
    """
    if not allowed:
        raise HnasError(ExternRefused(span, name=name, target=target))

    def failed(why: str) -> HnasError:
        return HnasError(ExternFailed(span, name=name, target=target, why=why))

    module_name, _, path = target.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)  # as `python` itself would: a class beside the spec is found
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
        made: object = found(channels, **args)
    except Exception as error:  # whatever the class of a stranger raises
        raise failed(f"{type(error).__name__}: {error}") from None
    if not isinstance(made, nn.Module):
        raise failed(f"it gives a {type(made).__name__}, and a torch.nn.Module is needed")
    return made
