"""Classes of one's own: how lists of them are read, what a card becomes, what a spec written out says."""

from pathlib import Path

import pytest
from attrs import evolve
from helpers import SPEC

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.ir.diff import facts_of
from hnas.schema.classes import MOST_CLASSES, ClassName, fault_of, folder_card, parse_class
from hnas.schema.datasets import CARDS

MINE = """hnas 1
use "base.hnas"
space mine extends auto_deeplab {{ data folder {{ {} }} }}
"""


def compiled(folder: Path, data: str, *sets: str) -> Compilation:
    (folder / "base.hnas").write_bytes(SPEC.read_bytes())
    path = folder / "mine.hnas"
    path.write_text(MINE.format(data))
    return Compilation(path, sets=sets)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("road", ClassName("road")),
        ("  traffic   light ", ClassName("traffic light")),
        ("traffic light 250 170 30\n", ClassName("traffic light", (250, 170, 30))),
        ("class 7", ClassName("class 7")),
        ("7", ClassName("7")),
        ("0 0 0 0", ClassName("0", (0, 0, 0))),
    ],
)
def test_a_line_of_classes(line: str, found: ClassName) -> None:
    assert parse_class(line) == found


@pytest.mark.parametrize("line", ["road 1 2", "road 1 2 256", "road 1 2 3 4", "1 2 3"])
def test_a_line_with_half_a_colour_is_refused(line: str) -> None:
    assert "three whole numbers" in str(parse_class(line))


@pytest.mark.parametrize(
    ("listed", "fault"),
    [
        ([], (-1, "there is none")),
        ([ClassName("void")], (-1, "there is none")),
        ([ClassName("a"), ClassName("b"), ClassName("a")], (2, "a is there twice")),
        ([ClassName("void"), ClassName("b"), ClassName("void")], None),
        ([ClassName("a", (1, 2, 3)), ClassName("b", (1, 2, 3))], (1, "b has the colour of a")),
        ([ClassName("")], (0, "a class has a name that can be printed")),
        ([ClassName("a\x1b[31m")], (0, "a class has a name that can be printed")),
        ([ClassName("a" * 81)], (0, "a name has at most 80 characters")),
        ([ClassName(f"c{n}") for n in range(MOST_CLASSES)], None),
        (
            [ClassName(f"c{n}") for n in range(MOST_CLASSES + 1)],
            (-1, "there are 256, and at most 255 can be told apart"),
        ),
    ],
)
def test_lists_that_tell_no_classes_apart(listed: list[ClassName], fault: tuple[int, str] | None) -> None:
    assert fault_of(listed) == fault


def test_a_card_leaves_void_out_and_colours_every_class_its_own() -> None:
    listed = [
        ClassName("a"),
        ClassName("void"),
        ClassName("b", (128, 0, 0)),
        *(ClassName(f"c{n}") for n in range(200)),
    ]
    card = folder_card(listed, "segmentation")
    assert card.classes[:3] == ("a", "b", "c0")
    assert card.colours[1] == (128, 0, 0)
    assert len(set(card.colours)) == len(card.colours) == len(card.classes) == 202
    assert card.colours[0] == (0, 128, 0)  # of Pascal VOC's the first that no class has: 2
    assert (card.mean, card.deviation) == (CARDS["imagenet"].mean, CARDS["imagenet"].deviation)


def test_names_listed_in_the_spec(tmp_path: Path) -> None:
    space = compiled(tmp_path, 'classes = [road, "traffic light"(250, 170, 30), void, if_, car]')
    assert space.card.classes == ("road", "traffic light", "if_", "car")
    assert space.space.classes == 4
    assert space.card.colours[1] == (250, 170, 30)
    assert space.data.folder is not None
    assert [each.name for each in space.data.folder.listed] == ["road", "traffic light", "void", "if_", "car"]
    assert (space.data.folder.root, space.data.folder.labels, space.card.task) == (
        None,
        "index",
        "segmentation",
    )
    assert space.check() == ()


def test_names_listed_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes(
        b"\xef\xbb\xbf# mine\r\nroad 128 64 128\r\n\r\nvoid\r\nwet road\r\n"
    )
    space = compiled(tmp_path, 'classes = "classes.txt"')
    assert (space.card.classes, space.card.colours[0]) == (("road", "wet road"), (128, 64, 128))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "classes.txt").write_text("a\nb\nc\n")
    space = compiled(tmp_path, 'classes = "classes.txt"', 'data.classes="other/classes.txt"')
    assert space.card.classes == ("a", "b", "c")


def test_a_file_is_looked_for_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "classes.txt").write_text("a\nb\n")
    compiled(tmp_path / "deep", 'classes = "classes.txt"  root = "pictures"')
    over = tmp_path / "over.hnas"
    over.write_text('hnas 1\nuse "deep/mine.hnas"\nspace over extends mine { data { crop = 65 } }\n')
    found = Compilation(over)
    assert found.card.classes == ("a", "b")
    assert found.data.folder is not None
    assert found.data.folder.root == str(tmp_path / "deep" / "pictures")


def test_a_profile_may_name_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\n")
    space = compiled(tmp_path, 'classes = [a] } profile more { data folder { classes = "classes.txt" }')
    assert (space.card.classes, evolve(space, profile="more").card.classes) == (("a",), ("a", "b"))


def test_a_spec_written_out_needs_no_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("road 128 64 128\nvoid\ntraffic light\n")
    space = compiled(
        tmp_path, 'classes = "classes.txt"  root = "pictures"  labels = colours  mean = [0.1, 0.2, 0.3]'
    )
    run = tmp_path / "run"
    run.mkdir()
    (run / "spec.hnas").write_text(space.resolved_text)
    again = Compilation(run / "spec.hnas")
    assert (again.card, again.data) == (space.card, space.data)
    assert again.resolved_text == space.resolved_text
    assert again.data.folder is not None
    assert again.data.folder.root == str(tmp_path / "pictures")


def test_mean_and_deviation_of_any_set_can_be_said(tmp_path: Path) -> None:
    compiled(tmp_path, "classes = [a]")
    plain = Compilation(tmp_path / "base.hnas", profile="camvid")
    said = Compilation(tmp_path / "base.hnas", profile="camvid", sets=("data.mean=[0.5, 0.25, 1]",))
    assert plain.card == CARDS["camvid"]
    assert said.card == evolve(CARDS["camvid"], mean=(0.5, 0.25, 1.0))
    assert "mean" not in plain.resolved_text.split("data camvid")[1].split("}")[0]


def test_a_list_of_classes_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("".join(f"class{n}\n" for n in range(50_000)))
    with pytest.raises(HnasError) as caught:
        _ = compiled(tmp_path, 'classes = "classes.txt"').program
    assert "there are 50000, and at most 255" in caught.value.diagnostics[0].caret_text
    (tmp_path / "classes.txt").write_text("a" * (2 * 2**20))
    with pytest.raises(HnasError) as caught:
        _ = compiled(tmp_path, 'classes = "classes.txt"').program
    assert "larger than 1 MiB" in caught.value.diagnostics[0].message


def test_a_difference_of_classes_is_told(tmp_path: Path) -> None:
    def facts(data: str) -> dict[str, object]:
        program = compiled(tmp_path, data).program
        return dict(facts_of(program.space, program.data, program.search, program.decode))

    one = facts("classes = [road, void, car]  mean = [0.5, 0.5, 0.5]")
    other = facts('classes = [road, void, "wet road"(1, 2, 3)]  labels = colours  task = classification')
    told = {key: (one.get(key), other.get(key)) for key in one if one[key] != other.get(key)}
    assert told == {
        "data.classes": ("[road, void, car]", "[road, void, wet road(1, 2, 3)]"),
        "data.labels": ("index", "colours"),
        "data.task": ("segmentation", "classification"),
        "data.mean": ("[0.5, 0.5, 0.5]", "none"),
    }
