"""When hnas says what no spec alone can raise: for each such code, a command and what is told.

The pages of `hnas explain` show these where they have no file of `examples/` to show.
"""

from collections.abc import Mapping

from hnas.api.errors import FileExists, FolderExists, WhichNetwork
from hnas.api.networks import NONE
from hnas.cli.errors import SameName
from hnas.cli.importing_occasions import IMPORTING
from hnas.cli.occasion import Occasion
from hnas.data.errors import (
    BadDataFlag,
    BadImage,
    BadLine,
    BadRoot,
    BatchTooLarge,
    ClassesDiffer,
    LabelOutOfRange,
    MissingPart,
    MixedSizes,
    NoDataset,
    NoPictures,
    NoSplit,
    NotRead,
    OtherAxes,
    SizesDiffer,
    TooFewImages,
    UnusedData,
)
from hnas.draw.errors import NothingMeasured, TooMuchToDraw
from hnas.engine import errors as engine
from hnas.ir.errors import NoNeighbour, NoSuchNumber, NotOfSpace, TooManyStates
from hnas.lang.errors import NoSuchProfile
from hnas.lang.syntax_errors import TooLong
from hnas.passes.errors import NotChosen
from hnas.passes.pass_errors import (
    BrokenPass,
    NoSegment,
    PassOrder,
    RepeatedPass,
    UnknownLevel,
    UnknownPass,
)
from hnas.passes.pipeline import LEVELS, PASSES
from hnas.runtime.errors import (
    BatchTooSmall,
    CompileFails,
    ExternFailed,
    ExternRefused,
    ExternResult,
    NoCompiler,
)
from hnas.schema.datasets import CAMVID
from hnas.search.errors import FoundOverLimit, NoArchStep, NothingLearnt

_RUN = "runs/base-20260101-120000"
_SEARCH = "hnas search base.hnas"
_CAMVID = f"{_SEARCH} --set data=camvid --data camvid=pictures"
_RESUME = f"hnas search --resume {_RUN}"


_LOAD = 'python -c \'hnas.load("base.hnas",'
_PASSES = "--passes is told alike"
_MODULE = "hnas compile base.hnas --emit module --allow-extern"
_DEFORM = "the space has an extern op deform"
_ALL = (
    Occasion(
        "hnas show wide.hnas",
        TooManyStates(None, what="the moves out of layer1.stride1", most=10_000_000),
        "wide.hnas takes some_of 21 moves",
    ),
    Occasion(
        "python -c 'Compilation(Path(\"base.hnas\")).network(Architecture({}))'",
        NotChosen(None, id="head.w"),
        "an architecture made in Python leaves a choice open",
    ),
    Occasion("hnas search base.hnas", ExternRefused(None, name="deform", target="layers:Deform"), _DEFORM),
    Occasion(
        _MODULE,
        ExternFailed(None, name="deform", target="layers:Deform", why="ModuleNotFoundError: no module"),
        _DEFORM,
    ),
    Occasion(
        "hnas search base.hnas --allow-extern",
        ExternResult(None, name="deform", given="(2, 8, 9, 9)", declared="(2, 8, 17, 17)"),
        _DEFORM,
    ),
    Occasion(
        _SEARCH,
        engine.ScoresDoNotFit(None, scores="(2, 10, 1, 1)", labels="(2, 33, 33)"),
        "the data set labels pixels, the head scores images",
    ),
    Occasion(
        f'{_LOAD} passes="shre,batch")\'', UnknownPass(None, name="shre", known=", ".join(PASSES)), _PASSES
    ),
    Occasion(f"{_LOAD} passes=3)'", UnknownLevel(None, level=3, most=max(LEVELS)), "-O 3 is told alike"),
    Occasion(
        f'{_LOAD} recompute=["layer9"]).supernet()\'',
        NoSegment(None, name="layer9", why="the network has no such part"),
        "the parts of a run that is gone on with are those of its run.json",
    ),
    Occasion(f'{_LOAD} passes="share,share")\'', RepeatedPass(None, name="share"), _PASSES),
    Occasion(
        f'{_LOAD} passes="batch,share")\'',
        PassOrder(None, name="share", after="batch", order=", ".join(PASSES)),
        _PASSES,
    ),
    Occasion(
        _SEARCH,
        BrokenPass(
            None,
            name="batch",
            place="stem.1.norm",
            why="its running statistics are moved 0 instead of 1 times",
        ),
        "a pass of hnas is wrong",
    ),
    Occasion("hnas check long.hnas", TooLong(None, bound=30_000), "long.hnas has more words and signs"),
    Occasion(
        "hnas show base.hnas --profile quik",
        NoSuchProfile(None, name="quik", space="base", advice="did you mean quick?"),
    ),
    Occasion(
        f"{_SEARCH} --max-steps 30",
        NoArchStep(None, from_epoch=2, epochs=6, last=30),
        "alpha and beta wait for 2 epochs of 15 steps",
    ),
    Occasion(
        f"{_SEARCH} --set trellis.cell=none",
        NothingLearnt(None, space="base", why="no choice has a say in the result"),
    ),
    Occasion(_RESUME, engine.AlreadyFinished(None, step=90, steps=90), "the run has ended"),
    Occasion(
        "hnas decode runs/base-20260101-120000",
        FoundOverLimit(None, figure="parameters", found=5_312_204, most=5_000_000),
        "the space says limit parameters <= 5e6",
    ),
    Occasion(f"{_SEARCH} --set data=camvid", NoDataset(None, name="camvid")),
    Occasion(
        _CAMVID,
        BadRoot(None, name="camvid", path="pictures", why="is not there", layout=CAMVID.layout),
    ),
    Occasion(f"{_SEARCH} --set dims=3", OtherAxes(None, dims=3, name="shapes")),
    Occasion("hnas search photographs.hnas", NotRead(None, name="imagenet"), "its data set is imagenet"),
    Occasion(
        _CAMVID,
        MissingPart(None, name="camvid", path="pictures/train.txt", why="is missing", layout=CAMVID.layout),
        "the folder pictures has no lists",
    ),
    Occasion(
        _CAMVID,
        BadLine(None, path="pictures/train.txt", line=3, why="1 word instead of two"),
        "line 3 of the list names an image alone",
    ),
    Occasion(
        _CAMVID,
        BadImage(None, path="pictures/trainannot/3.png", why="there is no such file"),
        "the list names it",
    ),
    Occasion(
        _CAMVID,
        SizesDiffer(
            None,
            annotation="pictures/trainannot/3.png",
            annotation_size="360 x 480",
            image="pictures/train/3.png",
            image_size="720 x 960",
        ),
        "the images have another size than their annotations",
    ),
    Occasion(
        _CAMVID,
        LabelOutOfRange(
            None,
            path="pictures/trainannot/3.png",
            value=31,
            name="camvid",
            allowed="0 to 10, 11 for void",
        ),
        "the annotations tell 32 classes apart",
    ),
    Occasion(
        "hnas search mine.hnas --data folder=pictures",
        ClassesDiffer(None, path="pictures/classes.txt", at=2, have="lorry", want="car"),
        "its classes are [road, void, car]",
    ),
    Occasion(_CAMVID, TooFewImages(None, name="camvid", images=1), "train.txt has a single line"),
    Occasion(
        f"{_SEARCH} --data camvd=pictures",
        BadDataFlag(
            None, given="camvd=pictures", why="there is no data set camvd", advice="did you mean camvid?"
        ),
    ),
    Occasion(
        f"{_SEARCH} --data camvid=pictures",
        UnusedData(None, given="camvid", name="shapes", profiles="paper, quick"),
        "the folder pictures is there",
    ),
    Occasion(
        f"{_CAMVID} --set data.crop=none",
        MixedSizes(None, first="images/0001.png of 480 x 360", second="images/0007.png of 960 x 720"),
        "the images are of two sizes",
    ),
    Occasion(f"{_SEARCH} --batch 500", BatchTooLarge(None, batch=500, images=120)),
    Occasion(f"{_SEARCH} --out old", engine.RunExists(None, path="old"), "the folder old has files"),
    Occasion("hnas decode base.hnas", engine.NoRun(None, path="base.hnas", why="it is a file")),
    Occasion(
        _RESUME, engine.RunBusy(None, path=_RUN), "another process goes on with the run at the same time"
    ),
    Occasion(
        _SEARCH,
        engine.CannotWrite(None, path=f"{_RUN}/metrics.jsonl", why="the disk is full"),
        "it filled up while searching",
    ),
    Occasion(
        f"hnas decode {_RUN}",
        engine.NoCheckpoint(None, path=_RUN, why="there is none yet"),
        "the run was stopped before its first checkpoint",
    ),
    Occasion(
        _RESUME,
        engine.OtherRun(
            None,
            path=f"{_RUN}/checkpoints/step-000000090.pt",
            given="fd2b1c70a6e94d35",
            have="78c6813afb6bacb9",
        ),
        "the checkpoint was copied out of another run",
    ),
    Occasion(
        _RESUME,
        engine.SpecChanged(None, path=f"{_RUN}/spec.hnas", which="settings"),
        "the spec in the run folder was edited",
    ),
    Occasion(
        _RESUME,
        engine.DamagedCheckpoint(None, path=f"{_RUN}/checkpoints/step-000000090.pt", why="it is cut short"),
        "the machine went down while it was written",
    ),
    Occasion(
        _RESUME,
        engine.KernelsChanged(None, before="kernels in C", now="torch's own kernels"),
        "the C compiler was removed since the run began",
    ),
    Occasion(
        "hnas search pooled.hnas --batch 1",
        BatchTooSmall(None, place="head.image_pool.plain_1.norm"),
        "the head normalises after global_pool",
    ),
    Occasion(f"{_SEARCH} --device toaster", engine.NoDevice(None, name="toaster", known="auto, cpu")),
    Occasion(
        f"{_SEARCH} --set F=512",
        engine.OutOfMemory(None, where="while searching"),
        "the machine has less memory than that takes",
    ),
    Occasion(
        "hnas plan base.hnas --memory 1MiB",
        engine.TooLittleMemory(None, memory="1 MiB", least="31.16 MiB", smallest="32MiB"),
    ),
    Occasion(f"{_SEARCH} --memory 6GiB --compile on", engine.MemoryCompiled(None, memory="6 GiB")),
    Occasion(
        "hnas plan imagenet.hnas --size 64x64",
        engine.PassFails(
            None, image="64 x 64", place="in aux.avg_pool.avg_pool", why="Output size is too small"
        ),
        "its auxiliary head pools 5 x 5 pixels without padding",
    ),
    Occasion(
        f"{_SEARCH} --set search.weights.lr=1000",
        engine.NotFinite(None, which="weight", value="nan", step=5),
        "the weights ran away",
    ),
    Occasion(
        f"hnas draw {_RUN} --what curves",
        NothingMeasured(None, path=_RUN, what="losses"),
        "the run has just begun",
    ),
    Occasion(
        "hnas draw base.hnas --set trellis.layers=1001",
        TooMuchToDraw(
            None,
            what="the trellis",
            number=1001,
            things="layers",
            most=1000,
            advice="draw a part of it: --set trellis.layers=12, or a profile with fewer layers",
        ),
    ),
    Occasion(
        "hnas eval runs/found-20260102-120000 --split test",
        NoSplit(
            None,
            name="cityscapes",
            split="test",
            advice="its labels are not public: measure on val, or label leftImg8bit/test with hnas predict",
        ),
        "it was trained on cityscapes",
    ),
    Occasion(
        "hnas predict runs/found-20260102-120000 street --out labels",
        NoPictures(None, path="street", why="the folder has no images", suffixes=".png, .jpg, ..."),
        "the folder street has text files alone",
    ),
    Occasion("hnas eval base.hnas", engine.NoWeights(None, path="base.hnas")),
    Occasion(
        "hnas train found.hnas --inherit runs/other-20260101-120000",
        engine.NothingInherited(None, path="runs/other-20260101-120000"),
        "the other run searched a space of other operators",
    ),
    Occasion(
        "hnas eval runs/found-20260102-120000 --window 33x33",
        engine.NotForImages(None, flag="--window"),
        "it was trained on cifar10",
    ),
    Occasion(
        "hnas predict runs/found-20260102-120000 street --out labels",
        engine.OtherWeights(
            None,
            path="runs/found-20260102-120000",
            name="stem.0.weight",
            why="is 32 x 3 x 3 x 3, not 64 x 3 x 3 x 3",
        ),
        "another version of hnas trained it",
    ),
    Occasion(
        f"{_SEARCH} --compile on",
        NoCompiler(None, name="g++"),
        "no C++ compiler is installed",
    ),
    Occasion(
        f"{_SEARCH} --allow-extern --compile on",
        CompileFails(None, why="extern op deform asks a tensor for its address"),
        _DEFORM,
    ),
    Occasion("hnas new base", FileExists(None, path="base.hnas")),
    Occasion(
        "hnas unrank base.hnas 99999999999999999999",
        NoSuchNumber(None, index="99,999,999,999,999,999,999", last="629,999,999"),
    ),
    Occasion(
        "python -c 'hnas.load(\"base.hnas\").rank(hnas.Architecture({}))'",
        NotOfSpace(None, space="base", id="normal.n1", why="nothing is chosen"),
        "an architecture made in Python leaves a choice open",
    ),
    Occasion(
        "hnas mutate base.hnas found.hnas",
        NoNeighbour(None, space="base"),
        "base.hnas leaves nothing to choose",
    ),
    Occasion(
        "hnas rank base.hnas base.hnas",
        WhichNetwork(None, path="base.hnas", what="no network", advice=NONE),
    ),
    Occasion("hnas sample base.hnas --out old", FolderExists(None, path="old"), "the folder old has files"),
    Occasion(
        "hnas new base --from specs/base.hnas",
        SameName(None, path="specs/base.hnas", name="base"),
        "the spec of that name is in a folder below",
    ),
    *IMPORTING,
)

OCCASIONS: Mapping[str, Occasion] = {each.told.code: each for each in _ALL}
"""By code."""
