"""Three digests, each binding one thing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import final

from attrs import frozen

from hnas.ir.decisions import DecisionTable


@final
@frozen
class Digests:
    """What binds an architecture, a state and a run to what they were made with.

    Attributes:
        choices: Ids, options and adjacency of the decisions.
        weights: Names and shapes of the super-network's parameters; of none where there is no such thing.
        run: The resolved spec: all that decides the course of a search but its seed.
    """

    choices: str
    weights: str
    run: str


def digests(decisions: DecisionTable, shapes: Mapping[str, Sequence[int]], resolved: str) -> Digests:
    """The digests of a space: of its decisions, of its weights' names and shapes, of its resolved text."""
    listed = json.dumps(sorted((name, list(shape)) for name, shape in shapes.items()))
    return Digests(decisions.digest, _digest(listed), _digest(resolved))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
