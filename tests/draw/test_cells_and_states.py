"""What is in a drawing of a trellis or a cell."""

from helpers import ROOT, SPEC

from hnas.compiler import Compilation
from hnas.draw.cells import cells_of
from hnas.draw.curves import panels_of
from hnas.draw.states import states_of
from hnas.ir.decisions import Architecture, State

PUBLISHED = SPEC.with_name("published.hnas")
DENSE = SPEC.with_name("dense_links.hnas")


def test_a_network_has_the_ways_it_takes() -> None:
    compilation = Compilation(PUBLISHED)
    (architecture,) = compilation.networks().values()
    path = architecture.path(compilation.decisions.trellis)
    states = states_of(compilation.space, compilation.decisions, None, architecture)
    assert [(line.target.layer, line.target.stride) for line in states.lines] == list(enumerate(path, 1))
    assert states.alive == {State(0, 4), *(State(n, stride) for n, stride in enumerate(path, 1))}


def test_ways_are_weighed_by_their_own_option() -> None:
    compilation = Compilation(SPEC)
    table = compilation.decisions
    weights = {g.id: tuple(float(n) for n in range(len(g.options))) for g in table.groups()}
    lines = states_of(compilation.space, table, weights).lines
    for line in lines:
        group = table.by_id[table.trellis.decisions[line.source]].groups[0]
        (label,) = [w.label for w in table.trellis.exits[line.source] if w.target == line.target]
        assert line.weight == group.options.index(label)
    assert len(lines) == sum(len(ways) for ways in table.trellis.exits.values())


def test_a_link_that_is_searched_is_weighed_by_what_is_not_none() -> None:
    compilation = Compilation(DENSE)
    table = compilation.decisions
    weights = {g.id: (0.25, *(0.75 / (len(g.options) - 1),) * (len(g.options) - 1)) for g in table.groups()}
    links = [line for line in states_of(compilation.space, table, weights).lines if line.kind == "link"]
    assert {line.weight for line in links} == {0.75}
    # stride 8 begins at layer 1; layer 4 is prev
    assert {s.source.layer for s in links if s.target == State(5, 8)} == {1, 2, 3}


def test_a_link_that_is_none_is_not_in_a_network() -> None:
    compilation = Compilation(DENSE)
    table = compilation.decisions
    picks = dict(table.along((4,) * 12))
    picks |= {d.id: (("", "none"),) for d in table.decisions if ".from." in d.id}
    picks["layer5.stride4.from.layer2.op"] = (("", "fit"),)
    states = states_of(compilation.space, table, None, Architecture(picks))
    links = [(s.source, s.target) for s in states.lines if s.kind == "link"]
    assert links == [(State(2, 4), State(5, 4))]


def test_the_cell_of_the_published_network() -> None:
    compilation = Compilation(PUBLISHED)
    (architecture,) = compilation.networks().values()
    (cell,) = cells_of(compilation.space, compilation.decisions, None, architecture)
    inside = [edge for edge in cell.edges if edge.target != cell.output]
    assert len(inside) == 10  # two for each of five nodes
    assert {(e.source, e.label) for e in inside if e.target == "n1"} == {
        ("prev_prev", "atrous(5)"),
        ("prev", "sep(3)"),
    }
    assert [e.source for e in cell.edges if e.target == cell.output] == ["n1", "n2", "n3", "n4", "n5"]


def test_none_is_no_edge() -> None:
    compilation = Compilation(ROOT / "examples" / "nasbench201" / "disconnected.hnas")
    (architecture,) = compilation.networks().values()
    picked = [label for picks in architecture.picks.values() for _, label in picks]
    (cell, *_) = cells_of(compilation.space, compilation.decisions, None, architecture)
    assert "none" in picked
    labels = sorted(edge.label for edge in cell.edges if edge.label)
    assert labels == sorted(label for label in picked if label != "none")


def test_an_edge_is_weighed_by_its_strongest_operator_that_connects() -> None:
    compilation = Compilation(SPEC)
    table = compilation.decisions
    falling = tuple(n / 28 for n in range(7, -1, -1))
    weights = {g.id: falling if len(g.options) == 8 else (1.0,) * len(g.options) for g in table.groups()}
    (cell,) = cells_of(compilation.space, table, weights)
    labels = {edge.label for edge in cell.edges if edge.target != cell.output}
    assert labels == {"skip  0.21"}  # `none` has 7 / 28, skip 6 / 28


def test_equations_say_what_their_nodes_read() -> None:
    compilation = Compilation(ROOT / "tests" / "specs" / "equations.hnas")
    (cell, *_) = cells_of(compilation.space, compilation.decisions)
    assert {(e.source, e.target, e.label) for e in cell.edges} == {
        ("prev", "a", "conv(3, width) -> norm"),
        ("a", "b", "one_of { conv(3), conv(5) }"),
        ("prev", "b", "skip"),
        ("a", "c", "? -> conv(1)"),
        ("b", "c", "? -> conv(1)"),
        ("b", "concat", ""),
        ("c", "concat", ""),
    }


def test_curves_are_the_losses_and_the_headline() -> None:
    rows = [
        {"step": 10, "phase": "search", "loss_weights": 2.0, "lr": 0.1, "entropy_alpha": 1.0},
        {"step": 12, "phase": "validation", "miou": 0.5, "most_frequent_miou": 0.1, "pixel_accuracy": 0.9},
        {"step": 20, "phase": "search", "loss_weights": None, "loss_arch": 1.5, "entropy_alpha": 0.9},
    ]
    assert panels_of(rows, "curves") == {
        "loss": {"loss_weights": [(10, 2.0)], "loss_arch": [(20, 1.5)]},
        "mIoU": {"miou": [(12, 0.5)], "most_frequent_miou": [(12, 0.1)]},
    }
    entropy = {"entropy_alpha": [(10, 1.0), (20, 0.9)]}
    assert panels_of(rows, "entropy") == {"entropy, relative to the largest": entropy}
    assert panels_of([], "curves") == {}
