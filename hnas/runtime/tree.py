"""Modules by dotted path: a parameter's name in a state dict is its path of names in the spec."""

from typing import TypeVar, cast

from torch import nn

M = TypeVar("M", bound=nn.Module)


class Scope(nn.Module):
    """A name in a path: holds what is under it, computes nothing."""


class ModuleTree:
    """Puts modules and parameters at dotted paths below a root, finding each scope only once."""

    def __init__(self, root: nn.Module) -> None:
        self._scopes: dict[str, nn.Module] = {"": root}

    def scope(self, path: str) -> nn.Module:
        """The module at `path`, made as a plain scope where there is none."""
        found = self._scopes.get(path)
        if found is None:
            above, _, name = path.rpartition(".")
            parent = self.scope(above)
            found = parent._modules.get(name)
            if found is None:
                # not add_module: an operator may be called `double`, which every module has as a method
                found = parent._modules[name] = Scope()
            self._scopes[path] = found
        return found

    def place(self, path: str, module: M) -> M:
        """Put `module` at `path`."""
        above, _, name = path.rpartition(".")
        self.scope(above)._modules[name] = module
        self._scopes[path] = module
        return module

    def parameter(self, path: str, parameter: nn.Parameter) -> nn.Parameter:
        """Put `parameter` at `path`."""
        above, _, name = path.rpartition(".")
        self.scope(above)._parameters[name] = parameter
        return cast(nn.Parameter, parameter)
