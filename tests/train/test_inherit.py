"""Weights by name: what agrees is copied, what does not is listed."""

import torch
from torch import nn

from hnas.train.inherit import inherit


def test_what_agrees_is_copied_and_the_rest_is_listed() -> None:
    network = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(3, 1), "c": nn.Linear(1, 1)})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    source = {
        "a.weight": torch.full((3, 2), 7.0),
        "a.bias": torch.full((4,), 7.0),
        "b.weight": torch.full((1, 3), 5.0),
        "elsewhere": torch.zeros(1),
    }
    found = inherit(network, source)
    assert found.copied == ("a.weight", "b.weight")
    assert found.differing == ("a.bias",)
    assert found.missing == ("b.bias", "c.weight", "c.bias")
    state = network.state_dict()
    assert torch.equal(state["a.weight"], source["a.weight"])
    assert torch.equal(state["b.weight"], source["b.weight"])
    assert all(torch.equal(state[name], before[name]) for name in found.left)
    assert found.spell(2) == (
        "inherits 2 of 6 tensors; no source for b.bias, c.weight and 1 more; another shape for a.bias"
    )
    assert found.counts() == {
        "inherited": 2,
        "not inherited, no source": 3,
        "not inherited, another shape": 1,
    }


def test_statistics_are_found_beside_a_scale_and_without_one() -> None:
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(2))

    plain, beside = nn.ModuleDict({"norm": Norm()}), nn.ModuleDict({"norm": nn.ModuleDict({"stats": Norm()})})
    found = inherit(beside, {"norm.running_mean": torch.ones(2)})
    assert found.copied == ("norm.stats.running_mean",)
    assert inherit(plain, beside.state_dict()).copied == ("norm.running_mean",)
    assert plain.state_dict()["norm.running_mean"].tolist() == [1, 1]
