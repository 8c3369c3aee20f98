"""`--set KEY=VALUE`, `--profile` and `--space`: what they change, and what they are told when wrong."""

from pathlib import Path

import pytest
from lang_specs import MINI, SPECS

from hnas.compiler import Compilation, with_overrides
from hnas.diag import Diagnostic, HnasError
from hnas.diag.render import render
from hnas.ir.expr import Sharing
from hnas.ir.tree import Tree


def _mini(*sets: str, profile: str | None = None) -> Compilation:
    return Compilation(MINI, profile=profile, sets=sets)


def _refused(compilation: Compilation) -> tuple[Diagnostic, ...]:
    with pytest.raises(HnasError) as caught:
        _ = compilation.program
    return caught.value.diagnostics


# --- what they change ----------------------------------------------------------------------------


def test_a_parameter_is_changed_and_all_that_follows_from_it() -> None:
    assert _mini("L=7").space.trellis.layers == 7
    assert _mini("L=7").counts.paths > _mini().counts.paths


def test_an_attribute_of_a_block_is_changed_by_its_dotted_name() -> None:
    changed = _mini("trellis.strides=[4, 8]", "trellis.missing=drop").space.trellis
    assert changed.strides == (4, 8)
    assert changed.missing == "drop"


def test_a_path_takes_the_place_of_moves_and_moves_that_of_a_path() -> None:
    fixed = _mini("trellis.path=[4, 8, 8, 16]")
    assert fixed.counts.paths == 1
    assert "moves" not in fixed.resolved_text
    again = _mini("trellis.path=[4, 8, 8, 16]", "trellis.moves=one_of { finer, same, coarser }")
    assert again.space.trellis == _mini().space.trellis
    assert again.resolved_text == _mini().resolved_text


def test_a_cell_is_named_by_its_name() -> None:
    assert _mini("dense.nodes=3").space.cells["dense"].nodes == 3


def test_a_cell_is_named_by_its_kind_and_name_too() -> None:
    assert _mini("cell.dense.nodes=3").space.cells["dense"].nodes == 3
    assert _mini("cell.dense.op-=none").resolved_text == _mini("dense.op-=none").resolved_text


def test_options_are_added_and_taken_away() -> None:
    labels = [o.label for o in _mini("dense.op+=sep(7)", "dense.op-=none").space.cells["dense"].options]
    assert labels == ["skip", "avg(3)", "sep(3)", "atrous(5)", "sep(7)"]


def test_strides_are_added() -> None:
    assert _mini("trellis.strides+=32", "L=5").space.trellis.strides == (4, 8, 16, 32)


def test_an_argument_of_a_call_is_changed_and_the_others_stay() -> None:
    before, after = _mini().search.arch, _mini("search.arch.from_epoch=1").search.arch
    assert (before.from_epoch, after.from_epoch) == (2, 1)
    assert (after.lr, after.init) == (before.lr, before.init)


def test_the_last_of_two_values_counts() -> None:
    assert _mini("L=5", "L=6").space.trellis.layers == 6
    assert with_overrides(_mini("L=5"), "L=6").space.trellis.layers == 6


def test_another_data_set_starts_from_the_defaults() -> None:
    assert _mini().data.crop == (65, 65)
    changed = _mini("data=camvid")
    assert (changed.data.name, changed.data.crop, changed.space.classes) == ("camvid", None, 11)


def test_the_order_in_which_options_are_counted_does_not_depend_on_how_a_value_was_given() -> None:
    one, two = _mini("dense.nodes=3"), _mini("B=3")
    assert one.digests.choices == two.digests.choices
    assert one.digests.run != two.digests.run


def test_the_profile_paper_is_the_spec_as_it_stands() -> None:
    assert _mini().profiles == ("paper", "tiny")
    assert _mini(profile="paper").resolved_text == _mini().resolved_text


def test_a_profile_is_laid_over_the_spec() -> None:
    tiny = _mini(profile="tiny")
    assert tiny.space.trellis.layers == 3
    assert tiny.space.trellis.strides == (4, 8)
    assert tiny.data.crop == (33, 33)
    assert (tiny.search.epochs, tiny.search.batch) == (2, _mini().search.batch)
    assert tiny.search.arch.from_epoch == 1
    assert tiny.search.arch.init == _mini().search.arch.init


def test_an_override_is_laid_over_the_profile() -> None:
    assert _mini("L=4", profile="tiny").space.trellis.layers == 4


def test_a_space_that_extends_another_keeps_what_it_does_not_change() -> None:
    base, derived = _mini(), Compilation(SPECS / "variation.hnas")
    assert derived.space.name == "variation"
    assert derived.space.params == {"F": 8, "B": 2, "L": 4}
    assert derived.space.trellis.enter == base.space.trellis.enter
    assert derived.space.trellis.missing == "drop"
    assert derived.search == base.search
    assert derived.space.cells["dense"].share == Sharing("layer")
    node = next(d for d in derived.decisions.decisions if d.id == "layer3.dense.n1")
    assert Tree([node]).node(node).number == (2 * 5) ** 2


def test_a_derived_space_adds_options_and_takes_them_away(tmp_path: Path) -> None:
    (tmp_path / "mini.hnas").write_text(MINI.read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "derived.hnas"
    changes = "cell dense { op += sep(7)  op -= none }  trellis { strides -= 16 }"
    path.write_text(
        f'hnas 1\nuse "mini.hnas"\nspace derived extends mini {{ {changes} }}\n', encoding="utf-8"
    )
    space = Compilation(path).space
    labels = [option.label for option in space.cells["dense"].options]
    assert labels == ["skip", "avg(3)", "sep(3)", "atrous(5)", "sep(7)"]
    assert space.trellis.strides == (4, 8)


def test_profiles_are_inherited() -> None:
    path = SPECS / "variation.hnas"
    assert Compilation(path).profiles == ("paper", "tiny", "wide")
    assert Compilation(path, profile="wide").search.weights.momentum == pytest.approx(0.8)
    assert Compilation(path, profile="tiny").data.crop == (33, 33)


def test_a_space_of_another_file_is_named() -> None:
    assert Compilation(SPECS / "variation.hnas", space_name="mini").space.name == "mini"


# --- what they are told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "advice"),
    [
        ("LL=8", "E0202", "did you mean L?"),
        ("trellis.stride=[4]", "E0202", "did you mean strides?"),
        ("trelis.layers=8", "E0201", "did you mean trellis?"),
        ("search.arch.epoch=3", "E0208", "did you mean from_epoch?"),
        ("trellis.missing=drops", "E0206", "did you mean drop?"),
        ("dense.op+=sap(7)", "E0203", "did you mean sep?"),
        ("trellis.cell=dens", "E0203", "did you mean dense?"),
        ("data=shape", "E0203", "did you mean shapes?"),
        ("search.weights=sdg(lr = 1)", "E0206", "did you mean sgd?"),
        ("trellis.moves=one_of { fine, same }", "E0206", "did you mean finer?"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(text: str, code: str, advice: str) -> None:
    (diagnostic, *_) = _refused(_mini(text))
    assert (diagnostic.code, diagnostic.help_text) == (code, advice)
    assert diagnostic.span is not None
    assert diagnostic.span.source.name == "--set"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("trellis.layers=0", "E0206"),
        ("trellis.layers=[8]", "E0207"),
        ("trellis.strides=4", "E0206"),
        ("dense.nodes=65", "E0206"),
        ("search.weights.momentum=1.5", "E0206"),
        ("data.flip=3", "E0206"),
        ("dense.op-=sep(9)", "E0221"),
        ("dense.op+=skip", "E0221"),
        ("L+=3", "E0221"),
        ("L=1/0", "E0207"),
    ],
)
def test_a_wrong_value_is_refused_at_its_place(text: str, code: str) -> None:
    diagnostics = _refused(_mini(text))
    assert [d.code for d in diagnostics] == [code]
    assert "--> --set:1:" in render(diagnostics[0])


@pytest.mark.parametrize("value", ["2.5", "true", "0"])
def test_a_parameter_of_a_wrong_value_is_refused_where_it_is_used(value: str) -> None:
    (diagnostic,) = _refused(_mini(f"L={value}"))
    assert (diagnostic.code, diagnostic.caret_text) == ("E0206", f"this is {value}")
    assert diagnostic.span is not None
    assert (diagnostic.span.text, diagnostic.span.source.name) == ("L", str(MINI))


@pytest.mark.parametrize("text", ["L=", "L", "=3", "L=3 4", "trellis..layers=3", "L==3", "L=(3", "", 'L="'])
def test_a_syntax_error_in_an_override_is_refused_with_an_example(text: str) -> None:
    (diagnostic,) = _refused(_mini(text))
    assert diagnostic.code.startswith("E01")
    assert diagnostic.span is None or diagnostic.span.source.name == "--set"


def test_a_text_that_is_no_assignment_shows_how_an_override_is_written() -> None:
    (diagnostic,) = _refused(_mini("L 3"))
    assert "--set L=8" in diagnostic.help_text


def test_a_number_beyond_all_bounds_is_told_so() -> None:
    (diagnostic,) = _refused(_mini("F=99999999999999999999"))
    assert diagnostic.message == "the number 99999999999999999999 is beyond 1e18"


@pytest.mark.parametrize("sets", [("LL=8", "trellis.missing=drops"), ("L=", "F==3")])
def test_every_wrong_override_is_reported_in_one_run(sets: tuple[str, ...]) -> None:
    assert len(_refused(_mini(*sets))) == 2


def test_an_unknown_profile_is_refused_with_the_right_one() -> None:
    (diagnostic,) = _refused(_mini(profile="tinny"))
    assert (diagnostic.code, diagnostic.help_text) == ("E0219", "did you mean tiny?")


def test_an_unknown_space_is_refused_with_the_right_one() -> None:
    (diagnostic,) = _refused(Compilation(MINI, space_name="mimi"))
    assert (diagnostic.code, diagnostic.help_text) == ("E0217", "did you mean mini?")


def test_a_file_of_several_spaces_needs_the_name_of_one(tmp_path: Path) -> None:
    path = tmp_path / "two.hnas"
    path.write_text("hnas 1\nspace one {}\nspace two {}\n", encoding="utf-8")
    (diagnostic,) = _refused(Compilation(path))
    assert diagnostic.code == "E0218"
    assert diagnostic.help_text == "say which one with --space: one, two"
