"""Recipes: how a map is made again in backward, in the place of the map itself.

While a forward pass records gradients, every tensor it saves goes through `pack`. One that lies in the
memory of a step that is to be recomputed is not kept: a recipe is, which holds what the step was made of,
and from that, when backward asks, makes the map again. Recipes read recipes, down to maps that are kept.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, final

import torch
from torch import Tensor

from hnas.runtime.steps import Step

_Again = Callable[[dict[int, Any]], Any]


@final
class Recipe:
    """How a value is made: from sources by slot, each a value or a recipe.

    It is made once for all that wait for it, and let go after the last of them.
    """

    __slots__ = ("_again", "_made", "_sources", "waiting")

    def __init__(self, again: _Again, sources: dict[int, Any]) -> None:
        self._again, self._sources = again, sources
        self._made: Any = None
        self.waiting = 0

    def value(self) -> Any:
        """The value, made again if it is not at hand."""
        if self._made is not None:
            return self._made
        with torch.no_grad():
            made = self._again(
                {slot: s.value() if isinstance(s, Recipe) else s for slot, s in self._sources.items()}
            )
        if self.waiting > 0:
            self._made = made
        return made

    def taken(self) -> Any:
        """The value, for one of those who wait for it."""
        found = self.value()
        self.waiting -= 1
        if self.waiting <= 0:
            self._made = None
        return found


@final
class Saved:
    """What backward will ask for: a tensor, or a recipe and where in its value the tensor lies."""

    __slots__ = ("recipe", "tensor", "view")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor: Tensor | None = tensor
        self.recipe: Recipe | None = None
        self.view: tuple[Any, ...] = ()

    def by(self, recipe: Recipe) -> None:
        """Let the tensor go, keep how it is made."""
        assert self.tensor is not None
        t = self.tensor
        self.view = t.size(), t.stride(), t.storage_offset()
        self.tensor, self.recipe = None, recipe
        recipe.waiting += 1

    def unpack(self) -> Tensor:
        """The tensor."""
        if self.tensor is not None:
            return self.tensor
        assert self.recipe is not None
        whole = self.recipe.taken()
        size, stride, offset = self.view
        if (whole.size(), whole.stride(), whole.storage_offset()) == self.view:
            return whole
        return whole.as_strided(size, stride, offset)


@final
class Recording:
    """The recipes of one forward pass, of what is given by slot."""

    def __init__(self, given: dict[int, Any]) -> None:
        self._sources = given
        self._stored: dict[int, tuple[Recipe, int]] = {}
        self._slots: dict[int, int] = {}
        self._recent: list[tuple[int, Saved]] = []

    def hooks(self) -> AbstractContextManager[Any]:
        """While it is entered, what torch saves for backward is packed."""
        return torch.autograd.graph.saved_tensors_hooks(self.pack, self.unpack)

    def pack(self, tensor: Tensor) -> Saved:
        """What stands for a tensor that is saved for backward."""
        saved = Saved(tensor)
        storage = _memory(tensor)
        known = self._stored.get(storage)
        if known is not None:
            saved.by(known[0])
        else:
            self._recent.append((storage, saved))
        return saved

    @staticmethod
    def unpack(saved: Saved) -> Tensor:
        """The tensor."""
        return saved.unpack()

    def ran(self, step: Step, value: Any) -> None:
        """A step gave a value: note how it is made, if it is to be made again."""
        slot, sources = step.out, self._sources
        made_of = [sources.get(s) for s in step.operands]
        passed_on = step.passes_on and any(isinstance(s, Recipe) for s in made_of)
        if step.recompute or passed_on:
            again = step.again()
            kept = (s.detach() if isinstance(s, Tensor) else s for s in made_of)
            recipe = Recipe(again, dict(zip(step.operands, kept, strict=True)))
            sources[slot] = recipe
            if isinstance(value, Tensor):
                self._store(slot, value, recipe)
        else:
            sources[slot] = value
        self._recent.clear()

    def _store(self, slot: int, value: Tensor, recipe: Recipe) -> None:
        storage = _memory(value)
        known = self._stored.get(storage)
        self._stored[storage] = (recipe, 1) if known is None else (known[0], known[1] + 1)
        self._slots[slot] = storage
        for place, saved in self._recent:
            if place == storage:
                saved.by(recipe)

    def let_go(self, slots: Sequence[int]) -> None:
        """Nobody reads these slots any more: their memory may become another's."""
        for slot in slots:
            self._sources.pop(slot, None)
            storage = self._slots.pop(slot, None)
            if storage is not None:
                recipe, count = self._stored[storage]
                if count == 1:
                    del self._stored[storage]
                else:
                    self._stored[storage] = recipe, count - 1


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
