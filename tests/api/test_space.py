"""The space as an object."""

import sys
from itertools import islice
from pathlib import Path

import attrs
import pytest
from helpers import ROOT, SPEC

import hnas
from hnas import Architecture, HnasError, SearchSpace

EXAMPLES = ROOT / "examples"
BENCH = EXAMPLES / "nasbench201" / "spec.hnas"
DARTS = EXAMPLES / "darts" / "spec.hnas"


@pytest.fixture(scope="module")
def bench() -> SearchSpace:
    return hnas.load(BENCH)


@pytest.fixture(scope="module")
def darts() -> SearchSpace:
    return hnas.load(DARTS)


def _refused(error: pytest.ExceptionInfo[HnasError]) -> hnas.Diagnostic:
    return error.value.diagnostics[0]


def test_what_a_space_is(bench: SearchSpace) -> None:
    assert (bench.name, bench.profile, bench.count()) == ("nasbench201", "paper", 15_625)
    assert bench.counts.architectures == bench.count()
    assert [d.id for d in bench.decisions if d.kind == "node"] == [
        "searched.n1",
        "searched.n2",
        "searched.n3",
    ]
    assert repr(bench) == "<SearchSpace nasbench201, profile paper>"


def test_a_space_cannot_be_changed(bench: SearchSpace) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        bench.compilation = bench.compilation  # type: ignore[misc]


def test_options_lay_the_spec_out() -> None:
    demo = hnas.load(str(SPEC), profile="demo", sets="L=5")
    assert (demo.profile, demo.compilation.space.trellis.layers) == ("demo", 5)
    assert hnas.load(SPEC, sets=("L=5", "trellis.strides=[4, 8]")).counts.paths == 2**5


def test_every_mistake_is_raised_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.hnas"
    path.write_text(SPEC.read_text().replace("cell    = dense", "cell    = dens"), encoding="utf-8")
    with pytest.raises(HnasError, match="E0203"):
        hnas.load(path)
    with pytest.raises(HnasError, match="E0101"):
        hnas.load(tmp_path / "gone.hnas")


def test_a_file_with_a_network_gives_the_space_it_uses() -> None:
    space = hnas.load(SPEC.with_name("published.hnas"))
    assert space.name == "published"  # it extends auto_deeplab
    architecture = space.read(SPEC.with_name("published.hnas"))
    assert space.unrank(space.rank(architecture)) == architecture


# --- numbers -------------------------------------------------------------------------------------


def test_numbers_and_back(bench: SearchSpace) -> None:
    for index in (0, 1, 777, 15_624):
        assert bench.rank(bench.unrank(index)) == index


@pytest.mark.parametrize(
    "index", [-1, 15_625, 10**9_999, -(10**9_999)], ids=["low", "high", "long", "longer"]
)
def test_numbers_out_of_range(bench: SearchSpace, index: int) -> None:
    with pytest.raises(HnasError) as caught:
        bench.unrank(index)
    told = _refused(caught)
    assert (told.code, told.help_text) == ("E1001", "they have the numbers 0 to 15,624")
    assert len(told.message) < 100
    assert sys.get_int_max_str_digits() == 4300


@pytest.mark.parametrize("index", [1.0, "1", None])
def test_what_is_no_number(bench: SearchSpace, index: object) -> None:
    with pytest.raises(TypeError):
        bench.unrank(index)  # type: ignore[arg-type]


def test_samples_have_a_seed(darts: SearchSpace) -> None:
    drawn = darts.sample(5, seed=3)
    assert drawn == darts.sample(5, seed=3) != darts.sample(5, seed=4)
    assert darts.sample(2, seed=3) == drawn[:2]
    assert tuple(found.architecture for found in islice(darts.samples(3), 5)) == drawn
    assert all(darts.rank(found.architecture) == found.index for found in islice(darts.samples(3), 5))
    assert darts.sample(0) == ()
    with pytest.raises(ValueError, match="n = -1 is negative"):
        darts.sample(-1)


def test_architectures_of_another_space_are_refused_everywhere(
    bench: SearchSpace, darts: SearchSpace
) -> None:
    (other,) = darts.sample(1)
    for ask in (
        bench.rank,
        bench.cost,
        bench.network,
        bench.canonical,
        bench.text,
        bench.neighbours,
        bench.mutate,
    ):
        with pytest.raises(HnasError) as caught:
            ask(other)
        told = _refused(caught)
        assert told.code == "E1002", ask
        assert told.message.startswith("this is no architecture of nasbench201: ")
        assert told.message.endswith(": there is no such decision")
        assert any(id in told.message for id in other.picks)


def test_what_an_architecture_lacks_is_named(bench: SearchSpace) -> None:
    picks = dict(bench.unrank(5).picks)
    del picks["searched.n2"]
    with pytest.raises(HnasError) as caught:
        bench.cost(Architecture(picks))
    assert (
        _refused(caught).message == "this is no architecture of nasbench201: searched.n2: nothing is chosen"
    )
    picks["searched.n2"] = (("prev", "unit(9)"), ("n1", "skip"))
    with pytest.raises(HnasError, match=r"searched\.n2: there is no option unit\(9\)"):
        bench.rank(Architecture(picks))


# --- near ----------------------------------------------------------------------------------------


def test_neighbours_and_mutations(bench: SearchSpace) -> None:
    architecture = bench.unrank(777)
    near = {bench.rank(other) for other in bench.neighbours(architecture)}
    assert len(near) == bench.count_neighbours(architecture) == 6 * 4
    assert {bench.rank(bench.mutate(architecture, seed)) for seed in range(400)} == near
    assert bench.mutate(architecture, 5) == bench.mutate(architecture, 5)


def test_the_only_architecture_has_no_neighbour() -> None:
    alone = hnas.load(EXAMPLES / "deeplabv3" / "spec.hnas")
    assert alone.count() == 1
    (only,) = alone.sample(1)
    assert list(alone.neighbours(only)) == []
    with pytest.raises(HnasError) as caught:
        alone.mutate(only)
    assert _refused(caught).code == "E1003"


def test_orders_of_a_sum_are_the_same_network() -> None:
    space = hnas.load(SPEC)
    (architecture,) = space.sample(1, seed=1)
    turned = Architecture({**architecture.picks, "dense.n5": architecture.picks["dense.n5"][::-1]})
    assert space.rank(turned) != space.rank(architecture)
    assert space.same(turned, architecture)
    assert space.canonical(turned) == space.canonical(architecture)
    assert not space.same(architecture, next(space.neighbours(architecture)))


# --- files ---------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    spec = tmp_path / "spec.hnas"
    spec.write_bytes(DARTS.read_bytes())
    space = hnas.load(spec)
    (architecture,) = space.sample(1, seed=9)
    path = tmp_path / "one.hnas"
    space.write(architecture, path, notes=("line\nbreak",))
    assert "# line?break\n" in path.read_text()
    assert space.read(path) == space.locate(path).architecture == architecture
    assert space.read(str(path), "found") == space.read(space.text(architecture)) == architecture
    assert hnas.load(path).read(path) == architecture
    with pytest.raises(HnasError, match="E0801"):
        space.write(architecture, path)
    (tmp_path / "below").mkdir()
    with pytest.raises(HnasError, match="E0220"):
        space.write(architecture, tmp_path / "below" / "one.hnas")


def test_a_profile_and_overrides_stand_in_the_file() -> None:
    space = hnas.load(SPEC, profile="demo", sets=("L=5",))
    text = space.text(space.unrank(0), "mine")
    assert "\n# of the space as --profile demo --set L=5 makes it: read it with the same\n" in text
    assert "\nnetwork mine of auto_deeplab at " in text


def test_networks_are_located_by_their_choices(darts: SearchSpace) -> None:
    wider = hnas.load(DARTS.with_name("cifar10.hnas"))
    path = DARTS.with_name("v1.hnas")
    found = darts.locate(path)
    assert found == wider.locate(path)
    assert darts.unrank(found.index) == found.architecture == wider.read(path)
    with pytest.raises(HnasError) as caught:  # it says `of darts_cifar10`
        darts.read(path)
    assert _refused(caught).code == "E0217"


def test_the_choice_that_is_outside_is_named_with_its_place() -> None:
    space = hnas.load(SPEC, sets=("dense.op=one_of { none, skip, sep(3) }",))
    with pytest.raises(HnasError) as caught:
        space.locate(SPEC.with_name("published.hnas"))
    told = _refused(caught)
    assert told.message == "n1 of cell dense cannot take the operator atrous(5)"
    assert told.span is not None
    assert told.span.source.line(told.span.source.place(told.span.start)[0]) == (
        "    n1 = atrous(5)(prev_prev) + sep(3)(prev)"
    )


@pytest.mark.parametrize(
    ("text", "name", "message", "advice"),
    [
        ('hnas 1\nuse "a.hnas"\n', None, "<text> has no network", "name a file with a network"),
        (
            "hnas 1\nnetwork a of s {}\nnetwork b of s {}\n",
            None,
            "<text> has 2 networks",
            "by its name (--name): a, b",
        ),
        ("hnas 1\nnetwork abc of s {}\n", "abd", "<text> has no network abd", "did you mean abc?"),
    ],
)
def test_which_network_is_meant(
    bench: SearchSpace, text: str, name: str | None, message: str, advice: str
) -> None:
    with pytest.raises(HnasError) as caught:
        bench.locate(text, name)
    told = _refused(caught)
    assert (told.code, told.message) == ("E1004", message)
    assert advice in told.help_text


def test_of_several_networks_one_is_read_by_its_name(bench: SearchSpace) -> None:
    a, b = bench.unrank(3), bench.unrank(4)
    parts = [bench.text(each, name) for each, name in ((a, "a"), (b, "b"))]
    text = parts[0] + parts[1].partition('use "spec.hnas"')[2]
    assert (bench.read(text, "a"), bench.read(text, "b")) == (a, b)


# --- networks ------------------------------------------------------------------------------------


def test_costs(bench: SearchSpace) -> None:
    path = BENCH.with_name("resnet.hnas")
    architecture = bench.read(path)
    assert bench.cost(architecture) == bench.compilation.cost(architecture)
    small, large = bench.cost(architecture, (32, 32)), bench.cost(architecture, (64, 64))
    assert large.parameters == small.parameters
    assert (large.multiply_adds or 0) > 3 * (small.multiply_adds or 0) > 0
    assert bench.cost().parameters > small.parameters


def test_networks_are_modules() -> None:
    import torch

    space = hnas.load(SPEC, profile="demo", sets=("L=2", "B=1", "F=2", "trellis.strides=[4, 8]"))
    images = torch.zeros(2, 3, 33, 33)
    (architecture,) = space.sample(1)
    assert space.network(architecture)(images).shape == (2, 8, 33, 33)
    first, again = space.supernet(seed=4), space.supernet(seed=4)
    assert first(images).shape == (2, 8, 33, 33)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
