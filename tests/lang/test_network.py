"""Found networks: what is written reads back as the same architecture, and what does not fit is told."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from lang_specs import GOOD, MINI, REFERENCE, SPECS

from hnas.compiler import Compilation
from hnas.diag import Diagnostic, HnasError
from hnas.ir.decisions import Architecture, Decision, Pick

PAPER = """hnas 1
use "spec.hnas"

network found of auto_deeplab {
  path = [4, 4, 4, 8, 16, 8, 16, 16, 32, 32, 16, 8]
  cell dense {
    n1 = atrous(5)(prev_prev) + sep(3)(prev)
    n2 = sep(3)(prev_prev) + atrous(3)(prev)
    n3 = sep(3)(n2) + sep(3)(prev_prev)
    n4 = sep(5)(n3) + sep(5)(n1)
    n5 = sep(5)(n2) + atrous(5)(n4)
  }
}
"""
"""The published cell and path (Auto-DeepLab, Fig. 3)."""

Found = Callable[[str], Compilation]


def _random(compilation: Compilation, seed: int) -> Architecture:
    """Any architecture of the space: a walk along the exits, and picks as each `take` allows them."""
    random, table = Random(seed), compilation.decisions
    state, path = table.trellis.start, []
    for _ in table.trellis.layers:
        state = random.choice(table.trellis.exits[state]).target
        path.append(state.stride)
    picks = dict(table.along(tuple(path)))
    for decision in table.decisions:
        if decision.kind == "node":
            picks[decision.id] = _picks(decision, random)
    return Architecture(picks)


def _picks(decision: Decision, random: Random) -> tuple[Pick, ...]:
    groups = list(decision.groups)
    if decision.take.how == "slots":
        groups = random.choices(groups, k=decision.take.count or 1)
    elif decision.take.how == "edges":
        groups = random.sample(groups, decision.take.count or 1)
    none = decision.take.how != "edges"  # an edge that is taken has an operator
    return tuple(
        (group.name, random.choice([o for n, o in enumerate(group.options) if none or n not in group.none]))
        for group in groups
    )


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Compiles a found network that lies beside the small spec."""
    (tmp_path / "mini.hnas").write_text(MINI.read_text(encoding="utf-8"), encoding="utf-8")

    def compile_text(text: str) -> Compilation:
        path = tmp_path / "found.hnas"
        path.write_text(text, encoding="utf-8")
        return Compilation(path)

    return compile_text


def _text(seed: int = 0) -> str:
    compilation = Compilation(MINI)
    return compilation.found_text(_random(compilation, seed))


def _errors(compilation: Compilation) -> tuple[Diagnostic, ...]:
    with pytest.raises(HnasError) as caught:
        compilation.networks()
    return tuple(d for d in caught.value.diagnostics if d.severity == "error")


# --- round trip ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", GOOD, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_written_network_reads_back_as_the_same_architecture(spec: Path, seed: int, tmp_path: Path) -> None:
    for used in {spec, MINI}:
        (tmp_path / used.name).write_text(used.read_text(encoding="utf-8"), encoding="utf-8")
    compilation = Compilation(tmp_path / spec.name)
    architecture = _random(compilation, seed)
    path = tmp_path / "found.hnas"
    path.write_text(compilation.found_text(architecture), encoding="utf-8")
    again = Compilation(path)
    assert again.check() == ()
    assert again.networks() == {"found": architecture}
    assert again.decisions.digest == compilation.decisions.digest


@pytest.mark.parametrize("share", ["network", "stride", "layer", "state"])
def test_choices_that_are_not_shared_are_written_for_their_places(share: str, tmp_path: Path) -> None:
    compilation = Compilation(MINI, sets=(f"dense.share={share}",))
    architecture = _random(compilation, 3)
    (tmp_path / "shared.hnas").write_text(compilation.resolved_text, encoding="utf-8")
    path = tmp_path / "found.hnas"
    path.write_text(compilation.found_text(architecture, use="shared.hnas"), encoding="utf-8")
    kept = compilation.decisions.pruned(architecture.picks)  # those of states off the path do not matter
    assert Compilation(path).networks() == {"found": kept}
    headers = set(re.findall(r"cell dense( at \w+)?", path.read_text(encoding="utf-8")))
    assert headers == {"" if share == "network" else f" at {share}"}


def test_the_text_holds_notes_the_path_and_every_node(found: Found) -> None:
    compilation = Compilation(MINI)
    path = (4, 8, 16, 8)
    picks = dict(compilation.decisions.along(path))
    picks["dense.n1"] = (("prev", "sep(3)"), ("prev", "sep(3)"))
    picks["dense.n2"] = (("n1", "none"), ("prev_prev", "atrous(5)"))
    text = compilation.found_text(Architecture(picks), ["epoch 3", "score 0.5"])
    assert text.splitlines()[:5] == ["hnas 1", "", "# epoch 3", "# score 0.5", ""]
    assert 'use "mini.hnas"' in text
    assert f'network found of mini at choices("{compilation.digests.choices}") {{' in text
    assert "  path = [4, 8, 16, 8]\n" in text
    assert "    n1 = sep(3)(prev) + sep(3)(prev)\n    n2 = none(n1) + atrous(5)(prev_prev)\n" in text
    assert found(text).networks()["found"].path(compilation.decisions.trellis) == path


def test_order_and_parentheses_of_terms(found: Found) -> None:
    text = re.sub(r"n2 = .*", "n2 = ((skip(n1)) + sep(3)(prev))", _text())
    assert found(text).networks()["found"].picks["dense.n2"] == (("n1", "skip"), ("prev", "sep(3)"))


def test_the_network_of_the_paper_is_one_of_the_reference(tmp_path: Path) -> None:
    (tmp_path / "spec.hnas").write_text(REFERENCE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "paper.hnas").write_text(PAPER, encoding="utf-8")
    compilation = Compilation(tmp_path / "paper.hnas")
    assert compilation.check() == ()
    architecture = compilation.networks()["found"]
    assert architecture.path(compilation.decisions.trellis) == (4, 4, 4, 8, 16, 8, 16, 16, 32, 32, 16, 8)
    assert architecture.picks["dense.n5"] == (("n2", "sep(5)"), ("n4", "atrous(5)"))


def test_a_network_stands_beside_its_space_too(tmp_path: Path) -> None:
    block = _text()[_text().index("network") :]
    path = tmp_path / "both.hnas"
    path.write_text(MINI.read_text(encoding="utf-8") + block, encoding="utf-8")
    assert list(Compilation(path).networks()) == ["found"]


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code", "at"),
    [
        ("[4, 16, 16, 16]", "E0224", "16"),
        ("[16, 16, 16, 16]", "E0224", "16"),
        ("[4, 4, 4, 5]", "E0224", "5"),
        ("[4, 4, 4]", "E0224", "[4, 4, 4]"),
        ("[4, 4, 4, 4, 4]", "E0224", "[4, 4, 4, 4, 4]"),
        ("[]", "E0224", "[]"),
        ("4", "E0206", "4"),
        ("[4, 4, 4, 4.5]", "E0206", "4.5"),
        ("[4, 4, 4, x]", "E0203", "x"),
    ],
)
def test_a_wrong_path_is_told_at_the_stride_that_is_wrong(
    path: str, code: str, at: str, found: Found
) -> None:
    (diagnostic,) = _errors(found(re.sub(r"path = .*", f"path = {path}", _text())))
    assert diagnostic.code == code
    assert diagnostic.span is not None
    assert diagnostic.span.text == at


@pytest.mark.parametrize(
    ("node", "code", "at"),
    [
        ("n2 = skip(prev) + sep(5)(n1)", "E0222", "sep(5)"),
        ("n2 = skip(prev) + skip(n2)", "E0222", "n2"),
        ("n2 = skip(prev)", "E0223", "skip(prev)"),
        ("n2 = skip(prev) + skip(prev) + skip(prev)", "E0223", "skip(prev) + skip(prev) + skip(prev)"),
        ("n2 = skip + skip(prev)", "E0208", "skip"),
        ("n2 = skip(prev) - skip(prev)", "E0208", "skip(prev) - skip(prev)"),
        ("n7 = skip(prev) + skip(prev)", "E0202", "n7"),
        ("n2 += skip(prev)", "E0221", "n2"),
        ("choose = 3", "E0202", "choose"),
    ],
)
def test_a_wrong_node_is_told_at_its_place(node: str, code: str, at: str, found: Found) -> None:
    (diagnostic, *_) = _errors(found(re.sub(r"n2 = .*", node, _text())))
    assert diagnostic.code == code
    assert diagnostic.span is not None
    assert diagnostic.span.text == at


def test_a_missing_path_and_a_missing_node_are_told(found: Found) -> None:
    (diagnostic,) = _errors(found(re.sub(r" *path = .*\n", "", _text())))
    assert diagnostic.message == "network found needs `path`"
    (diagnostic,) = _errors(found(re.sub(r" *n2 = .*\n", "", _text())))
    assert diagnostic.message == "network found needs `dense.n2`"


def test_a_network_of_a_fixed_path_needs_none(tmp_path: Path) -> None:
    text = Compilation(SPECS / "all_edges.hnas").found_text(
        _random(Compilation(SPECS / "all_edges.hnas"), 1), use="all_edges.hnas"
    )
    spec = tmp_path / "all_edges.hnas"
    spec.write_text((SPECS / "all_edges.hnas").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "found.hnas").write_text(re.sub(r" *path = .*\n", "", text), encoding="utf-8")
    assert list(Compilation(tmp_path / "found.hnas").networks()) == ["found"]


def test_another_digest_is_a_warning_where_every_choice_fits(found: Found) -> None:
    compilation = found(re.sub(r'choices\(".*"\)', 'choices("0000000000000000")', _text()))
    (warning,) = compilation.check()
    assert (warning.code, warning.severity) == ("W0201", "warning")
    assert Compilation(MINI).digests.choices in warning.message
    assert list(compilation.networks()) == ["found"]


def test_no_digest_is_no_warning(found: Found) -> None:
    assert found(re.sub(r' at choices\(".*"\)', "", _text())).check() == ()


def test_membership_decides_where_the_space_gained_an_operator(tmp_path: Path) -> None:
    spec = MINI.read_text(encoding="utf-8").replace("atrous(5) }", "atrous(5), sep(5) }")
    (tmp_path / "mini.hnas").write_text(spec, encoding="utf-8")
    (tmp_path / "found.hnas").write_text(_text(), encoding="utf-8")
    compilation = Compilation(tmp_path / "found.hnas")
    assert [d.code for d in compilation.check()] == ["W0201"]
    assert compilation.networks()["found"].picks == _random(Compilation(MINI), 0).picks
