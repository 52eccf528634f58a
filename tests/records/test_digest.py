import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import feature_diversity
from feature_diversity.records import digest

PACKAGE = Path(feature_diversity.__file__).parent

# What a result depends on: all modules that the digest of a stage's module holds. One that enters such a set
# makes every result of that stage anew whenever it changes: training costs days, so widen these with care.
LOADING = (
    "algorithms base compute compute.draws data data.image_files data.loader data.store data.threads "
    "networks networks.convolution networks.depths networks.model networks.resnet "
)
CLOSURES = {
    "stages.data": "base data data.image_files data.inspection data.prepare data.sizes "
    "data.sources data.splits data.store data.threads stages.data ",
    "training.loop": "algorithms base base.history base.layers base.run compute compute.draws "
    "compute.machine compute.norm_over_ranks compute.ranks compute.recompute data "
    "data.image_files data.loader data.store data.threads measures "
    "measures.special_functions measures.uniform_sphere networks networks.convolution "
    "networks.depths networks.resnet training training.loop training.optim "
    "training.penalties training.penalties.applied training.penalties.directions "
    "training.penalties.energy training.penalties.koleo training.penalties.mean_direction "
    "training.penalties.options training.penalties.placebo training.penalties.reference "
    "training.penalties.set_point training.penalties.uniformity "
    "training.penalties.variance_covariance training.penalties.weight_energy "
    "training.state training.step ",
    "vissl.run": "algorithms algorithms.jigsaw base base.history base.layers base.run compute "
    "compute.draws data data.augment data.image_files data.store networks "
    "networks.convolution networks.depths networks.model networks.released "
    "networks.released.layouts networks.resnet training training.settings vissl "
    "vissl.config vissl.methods vissl.run ",
    "vissl.driver": "vissl.driver ",
    "networks.released.convert": "algorithms base base.run networks networks.convolution "
    "networks.depths networks.model networks.released networks.released.convert "
    "networks.released.layouts networks.released.table networks.resnet ",
    "stages.extract": f"{LOADING} "
    "base.layers base.run data.augment data.sizes evaluation evaluation.features "
    "evaluation.probes measures measures.readings networks.others networks.others.imported "
    "networks.others.layers networks.others.recording networks.others.sources networks.others.tokens "
    "networks.released networks.released.layouts stages.extract ",
    "stages.energy": "base measures measures.companions measures.companions.clusters "
    "measures.companions.collapse measures.companions.gaussianity "
    "measures.companions.intrinsic_dimension measures.companions.table "
    "measures.companions.views measures.directions measures.energy measures.gram "
    "measures.of_layers measures.parts measures.readings measures.special_functions "
    "measures.spectra measures.uniform_sphere stages.energy ",
    "stages.linear_eval": f"{LOADING} "
    "base.layers base.run data.augment evaluation evaluation.cached_protocol evaluation.knn "
    "evaluation.linear evaluation.logistic evaluation.probes evaluation.sgd_protocol "
    "measures measures.readings "
    "networks.others networks.others.imported networks.others.layers "
    "networks.others.recording networks.others.sources "
    "networks.others.tokens networks.released networks.released.layouts stages.linear_eval training "
    "training.optim ",
    "stages.outcomes": f"{LOADING} "
    "base.layers base.run data.corruptions data.corruptions.blur data.corruptions.corrupt "
    "data.corruptions.digital data.corruptions.noise data.corruptions.sampling "
    "data.corruptions.weather evaluation evaluation.cached_protocol evaluation.few_shot "
    "evaluation.logistic evaluation.outcomes evaluation.probes evaluation.robustness "
    "evaluation.transfer measures measures.readings "
    "networks.others networks.others.imported networks.others.layers "
    "networks.others.recording networks.others.sources "
    "networks.others.tokens networks.released networks.released.layouts stages.outcomes ",
    "stages.pixels": f"{LOADING} "
    "base.run data.sizes data.splits evaluation evaluation.cached_protocol "
    "evaluation.logistic evaluation.pixels evaluation.probes measures "
    "measures.readings stages.pixels ",
    "stages.tabulate": "base base.history base.layers base.reading base.run results "
    "results.collect results.early_stopping results.gates results.initial results.origins "
    "stages.tabulate statistics statistics.proportions ",
    "stages.claims": "base base.layers base.reading base.run claims claims.cells "
    "claims.evidence claims.figure1 claims.figure2 claims.figure3 claims.figure4 "
    "claims.gated claims.intervened claims.judge claims.kinds claims.kinds.comparisons "
    "claims.kinds.layers claims.kinds.relations claims.kinds.stopping claims.kinds.trends "
    "claims.overall claims.paper claims.readings claims.runs interventions "
    "interventions.result interventions.table results results.gates results.table stages.claims statistics "
    "statistics.contrasts statistics.groups statistics.multiplicity statistics.noise "
    "statistics.proportions statistics.rank_correlation ",
    "stages.predict": "base base.reading base.run measures measures.companions "
    "measures.companions.clusters measures.companions.collapse "
    "measures.companions.gaussianity measures.companions.intrinsic_dimension "
    "measures.companions.table measures.companions.views measures.gram measures.spectra "
    "prediction prediction.agreement prediction.answer prediction.information "
    "prediction.measures prediction.pairs prediction.pooled prediction.predict "
    "prediction.regression prediction.resampling prediction.result prediction.runs "
    "prediction.selection prediction.study results results.gates results.table "
    "stages.predict statistics statistics.groups statistics.intraclass "
    "statistics.proportions ",
    "stages.intervention": "base base.layers base.reading base.run figures figures.captions "
    "figures.draw figures.drawing figures.further figures.intervention "
    "figures.paper figures.parts figures.prediction figures.references figures.relations "
    "figures.seeds figures.figure2 figures.style interventions interventions.analysis "
    "interventions.arms interventions.gates interventions.instruments interventions.judge "
    "interventions.result interventions.table interventions.trend measures measures.companions "
    "measures.companions.clusters measures.companions.collapse "
    "measures.companions.gaussianity measures.companions.intrinsic_dimension "
    "measures.companions.table measures.companions.views measures.gram measures.spectra "
    "results results.gates results.table stages.intervention statistics "
    "statistics.multiplicity statistics.proportions ",
    "stages.figures": "base base.layers base.reading base.run figures figures.captions "
    "figures.draw figures.drawing figures.further figures.paper "
    "figures.parts figures.prediction figures.references figures.relations figures.seeds "
    "figures.figure2 figures.style measures measures.companions measures.companions.clusters "
    "measures.companions.collapse measures.companions.gaussianity "
    "measures.companions.intrinsic_dimension measures.companions.table "
    "measures.companions.views measures.gram measures.spectra prediction "
    "prediction.answer prediction.result results results.gates results.table "
    "stages.figures statistics statistics.proportions ",
    "stages.summary": "base base.layers base.reading base.run claims claims.paper interventions "
    "interventions.result interventions.table prediction prediction.answer "
    "prediction.result report report.verdicts results results.gates results.table "
    "results.text stages.summary statistics statistics.multiplicity statistics.proportions ",
    "stages.report": "base base.history base.layers base.reading base.run claims claims.paper figures "
    "figures.captions figures.style interventions interventions.result "
    "interventions.table measures measures.companions "
    "measures.companions.clusters measures.companions.collapse "
    "measures.companions.gaussianity measures.companions.intrinsic_dimension "
    "measures.companions.table measures.companions.views measures.gram measures.spectra "
    "prediction prediction.answer prediction.result report report.behind report.chart "
    "report.columns report.content report.images report.interventions report.links "
    "report.losses report.missing report.page report.verdicts results results.gates "
    "results.table results.text stages.report statistics statistics.multiplicity "
    "statistics.proportions ",
}

MODULE = '''
"""What the module is for."""

import argparse
import math
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from feature_diversity import helper
from feature_diversity.tools import half, silent_errors

if TYPE_CHECKING:
    from feature_diversity.other import Other

FACTOR: int = 2


@dataclass(frozen=True)
class Square:
    """A square."""

    kind: ClassVar[str] = "square"
    side: float

    def area(self, scale: float = 1) -> float:
        """Its area."""
        if scale < 0:
            raise ValueError(f"scale is {scale}")
        assert scale < 9, "too large"
        print("area", scale)
        return helper.power(scale * self.side, FACTOR)  # squared


def root(x):
    warnings.warn("slow")
    return math.sqrt(half(x))


def main(argv):
    parser = argparse.ArgumentParser(prog="stage", description="what it does")
    parser.add_argument("--side", type=float, default=1, help="in metres")
    parser.add_argument_group("more").add_argument("--scale", metavar="S", help="of it")
    parser.error("no side")


def nothing():
    """Only a docstring."""
'''


def digest_of(folder: Path):
    """The module `digest` in a copy of the package."""
    spec = importlib.util.spec_from_file_location("digest_of_a_copy", folder / "records" / "digest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OTHERS = {
    "helper": "def power(x, n): return x**n",
    "tools": "def half(x): return x / 2\nsilent_errors = 1",
    "other": "class Other: pass",
}


@pytest.fixture
def package(tmp_path):
    """A package of the modules given as text; returns its own module `digest`."""

    def write(**modules: str):
        folder = tmp_path / "feature_diversity"
        for name, text in (OTHERS | modules).items():
            path = folder.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (folder / "records").mkdir(exist_ok=True)
        shutil.copy(PACKAGE / "records" / "digest.py", folder / "records")
        return digest_of(folder)

    return write


# --- code ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# squared", "# to the power of two"),
        ("Its area.", "The area of the square."),
        ('"""What the module is for."""', ""),
        ("class Square:", "class Square:  # a comment\n\n"),
        ("helper.power(scale * self.side, FACTOR)", "(helper.power(\n  scale * self.side,\n  FACTOR,\n))"),
        ('    """Only a docstring."""', "    pass"),
        ("import sys\n", ""),
        ("FACTOR: int = 2", "FACTOR = 2"),
        ("scale: float = 1) -> float:", "scale=1):"),
        ("    side: float\n", '    side: "int | float"\n    """Of the square, in metres."""\n'),
        ("root(x)", "root(x: float) -> float"),
        ("from feature_diversity.other import Other", "from feature_diversity.tools import half as Half"),
        ('f"scale is {scale}"', 'f"scale is {scale}, expected 0 or more"'),
        (', "too large"', ""),
        ('print("area", scale)', 'print(f"the area at {scale}", file=sys.stderr)'),
        ('        print("area", scale)\n', ""),
        ('warnings.warn("slow")', 'warnings.warn("this is slow", stacklevel=2)'),
        ('help="in metres"', 'help="the length of a side"'),
        (', help="in metres"', ""),
        ('description="what it does"', "description=__doc__"),
        ('metavar="S", help="of it"', 'help="the scale"'),
        ('parser.error("no side")', 'parser.error("a square has a side")'),
    ],
)
def test_what_is_there_for_people_and_type_checkers_does_not_count(package, before, after):
    assert before in MODULE
    code = package(stage=MODULE).code_digest("stage")
    assert package(stage=MODULE.replace(before, after)).code_digest("stage") == code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import math", "import cmath as math"),
        ("self.side, FACTOR", "self.side, FACTOR + 1"),
        ("FACTOR: int = 2", "FACTOR: int = 3"),
        ("def area", "def surface"),
        ("scale: float = 1", "scale: float = 2"),
        ("@dataclass(frozen=True)", "@dataclass"),
        ("kind: ClassVar[str]", "kind: str"),
        ("raise ValueError", "raise KeyError"),
        ("scale < 0", "scale <= 0"),
        ("assert scale < 9", "assert scale < 8"),
        ("default=1", "default=2"),
        ('"--side"', '"--edge"'),
        ("helper.power(scale * self.side, FACTOR)", "'a text that is no docstring'"),
        ("math.sqrt(half(x))", "math.sqrt(helper.half(x))"),
    ],
)
def test_a_change_of_meaning_changes_the_digest(package, before, after):
    assert before in MODULE
    code = package(stage=MODULE).code_digest("stage")
    assert package(stage=MODULE.replace(before, after)).code_digest("stage") != code


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from feature_diversity.helper import power\npower(2, 3)", "{0}import power as p\np(2, 3)"),
        ("from feature_diversity.helper import power\npower(2, 3)", "{1}import helper\nhelper.power(2, 3)"),
        ("{0}import power\npower(2, 3)", "{1}import helper as h\nh.power(2, 3)"),
        ("{0}import power\npower(2, 3)", "import {2} as h\nh.power(2, 3)"),
        ("{0}import power\npower(2, 3)", "import {2}\n{2}.power(2, 3)"),
        (
            "{0}import power\ndef f(): return power(2, 3)",
            "def f():\n    {0}import power as p\n    return p(2, 3)",
        ),
        ("import numpy\nnumpy.log(2)", "import numpy as np\nnp.log(2)"),
        ("import math\nmath.log(2)", "from math import log\nlog(2)"),
    ],
)
def test_how_a_name_is_imported_does_not_count(package, first, second):
    forms = ("from feature_diversity.helper ", "from feature_diversity ", "feature_diversity.helper")
    digests = [package(first=text.format(*forms)).code_digest("first") for text in (first, second)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from math import log\nlog(2)", "from numpy import log\nlog(2)"),
        ("from math import log\nlog(2)", "from math import exp as log\nlog(2)"),
        (
            "from feature_diversity.second import f\nfrom feature_diversity.third import f as g\nf(2)",
            "from feature_diversity.second import f as g\nfrom feature_diversity.third import f\nf(2)",
        ),
        (
            "from feature_diversity import second, third\nr = second",
            "from feature_diversity import second, third\nr = third",
        ),
    ],
)
def test_what_is_imported_counts(package, first, second):
    others = {"second": "def f(x): return x + 1", "third": "def f(x): return x + 2"}
    digests = [package(first=text, **others).code_digest("first") for text in (first, second)]
    assert digests[0] != digests[1]


def test_an_argument_hides_what_is_imported_under_its_name(package):
    text = "from feature_diversity.helper import power as {0}\n{0}(1, 2)\ndef f(n): return n + 1"
    digests = [package(first=text.format(name)).code_digest("first") for name in ("n", "p")]
    assert digests[0] == digests[1]


def test_a_change_in_an_imported_module_changes_the_digest(package):
    code = package(stage=MODULE).code_digest("stage")
    assert package(stage=MODULE, helper="def power(x, n): return n**x").code_digest("stage") != code


def test_a_change_in_a_module_that_is_not_imported_does_not(package):
    code = package(stage=MODULE, other="x = 1").code_digest("stage")
    assert package(stage=MODULE, other="x = 2").code_digest("stage") == code


def test_the_digest_is_16_hexadecimal_digits(package):
    code = package(stage=MODULE).code_digest("stage")
    assert len(code) == 16
    int(code, 16)


def test_the_order_of_the_names_does_not_matter(package):
    module = package(stage=MODULE, other="x = 1")
    assert module.code_digest("stage", "other") == module.code_digest("other", "stage")


@pytest.mark.parametrize(
    "statement",
    [
        "import feature_diversity.second",
        "import feature_diversity.second as other",
        "from feature_diversity import second",
        "from feature_diversity.second import x",
        "from feature_diversity.second import *",
        "def f():\n    from feature_diversity.second import x",
    ],
)
def test_imports_are_followed_in_every_form_and_on_from_there(package, statement):
    module = package(
        first=statement, second="from feature_diversity.third import y", third="y = 1", fourth="z = 1"
    )
    assert module.import_closure("first") == {"first", "second", "third"}


def test_a_module_inside_a_folder_brings_the_folders_own_file(package):
    module = package(
        first="from feature_diversity.folder.inner import x",
        **{"folder.__init__": "", "folder.inner": ""},
    )
    assert module.import_closure("first") == {"first", "folder", "folder.inner"}


def test_modules_that_import_each_other_are_found_once(package):
    module = package(first="import feature_diversity.second", second="import feature_diversity.first")
    assert module.import_closure("first") == {"first", "second"}


def test_other_packages_are_not_followed(package):
    assert package(first="import json, feature_diversity_more.x").import_closure("first") == {"first"}


def test_a_relative_import_is_refused(package):
    with pytest.raises(ValueError, match=r"feature_diversity\.first: write absolute imports"):
        package(first="from .helper import power").code_digest("first")


def test_a_name_from_the_package_itself_is_refused(package):
    with pytest.raises(ValueError, match=r"feature_diversity\.first: import Energy from its module"):
        package(first="from feature_diversity import Energy").code_digest("first")


def test_the_packages_version_may_be_imported_and_is_not_followed(package):
    module = package(first="from feature_diversity import __version__ as v\nprint(v)")
    assert module.import_closure("first") == {"first"}


def test_an_unknown_module_is_refused(package):
    with pytest.raises(ValueError, match=r"no module feature_diversity\.nothing"):
        package().code_digest("nothing")


@pytest.mark.parametrize("stage", CLOSURES)
def test_a_stage_depends_on_no_more_of_the_package_than_is_known(stage):
    assert digest.import_closure(stage, silent=False) == set(CLOSURES[stage].split())


@pytest.mark.parametrize("name", digest.SILENT)
def test_what_is_left_out_is_there(name):
    assert (
        PACKAGE.joinpath(*name.split(".")).is_dir()
        or PACKAGE.joinpath(*name.split(".")).with_suffix(".py").is_file()
    )


def test_python_imports_what_the_digest_says():
    program = """if True:
        import json, sys
        import feature_diversity.training.loop
        print(json.dumps([name for name in sys.modules if name.startswith("feature_diversity.")]))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = {name.removeprefix("feature_diversity.") for name in json.loads(done.stdout)}
    assert imported == digest.import_closure("training.loop")


# --- what is kept of the reading ---


def kept(folder: Path) -> Path:
    """The file where the meanings of a package's modules are kept."""
    [path] = folder.rglob("meanings.json")
    return path


def test_what_was_read_is_kept_and_a_change_of_it_is_noticed(package, tmp_path, monkeypatch):
    code = package(stage=MODULE).code_digest("stage")
    monkeypatch.setattr(ast, "parse", None)  # nothing is read anew
    assert package(stage=MODULE).code_digest("stage") == code
    monkeypatch.undo()
    changed = package(stage=MODULE.replace("FACTOR: int = 2", "FACTOR: int = 3")).code_digest("stage")
    kept(tmp_path).unlink()
    again = package(stage=MODULE.replace("FACTOR: int = 2", "FACTOR: int = 3")).code_digest("stage")
    assert changed == again != code


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "3"])
def test_a_damaged_file_of_what_was_read_is_done_without(package, tmp_path, content):
    code = package(stage=MODULE).code_digest("stage")
    kept(tmp_path).write_text(content)
    assert package(stage=MODULE).code_digest("stage") == code
    assert json.loads(kept(tmp_path).read_text())


def test_where_nothing_may_be_kept_the_digest_is_the_same(package, tmp_path):
    code = package(stage=MODULE).code_digest("stage")
    shutil.rmtree(kept(tmp_path).parent)
    (tmp_path / "feature_diversity" / "__pycache__").write_text("in the way")
    assert package(stage=MODULE).code_digest("stage") == code


# --- the package itself, changed ---

ALGORITHMS = sorted(path.stem for path in (PACKAGE / "algorithms").glob("[!_]*.py"))
TRAININGS = {f"training {name}": ("training.loop", f"algorithms.{name}") for name in ALGORITHMS}
DIGESTS = {name: (name,) for name in CLOSURES if name != "training.loop"} | TRAININGS


def digests(module) -> dict[str, str]:
    """Of all results, by the module `digest` of a package."""
    return {name: module.code_digest(*modules) for name, modules in DIGESTS.items()}


@pytest.fixture(scope="module")
def known():
    """The digests of all results made by the package as it is."""
    return digests(digest)


@pytest.fixture
def copied(tmp_path):
    """A copy of the package to change."""
    folder = tmp_path / "feature_diversity"
    return shutil.copytree(
        PACKAGE, folder, ignore=shutil.ignore_patterns("*.pyc")
    )  # but what was read before


def of_copy(folder):
    """The digests of all results made by a copy of the package."""
    return digests(digest_of(folder))


def replace(folder, pattern, text):
    """Replace a regular expression in all modules; the number of places."""
    count = 0
    for path in folder.rglob("*.py"):
        changed, places = re.subn(pattern, text, path.read_text())
        count += places
        path.write_text(changed)
    return count


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("measures.gram", "statistics.matrices"),
        ("compute.draws", "base.random_numbers"),
        ("data.store", "base.prepared"),
        ("networks.resnet", "networks.trunk"),
        ("training.step", "compute.step"),
    ],
)
def test_a_module_that_moves_to_another_room_makes_nothing_anew(known, copied, source, target):
    old, new = (copied.joinpath(*name.split(".")).with_suffix(".py") for name in (source, target))
    old.rename(new)
    (room, name), (new_room, new_name) = source.split("."), target.split(".")
    package = r"from feature_diversity\."
    moved = replace(copied, rf"{package}{room}\.{name}\b", f"from feature_diversity.{target}")
    alone = rf"({package}{room} import )(?=.*\b{name}\b)(.*, )?{name}\b"
    moved += replace(
        copied, alone, rf"\1\2__name__\nfrom feature_diversity.{new_room} import {new_name} as {name}"
    )
    assert moved
    assert of_copy(copied) == known


def test_other_names_for_what_is_imported_make_nothing_anew(known, copied):
    path = copied / "algorithms" / "simclr.py"
    text = path.read_text()
    for before, after in {
        "import torch\n": "import torch as pytorch\n",
        "torch.cat(": "pytorch.cat(",
        "torch.Generator": "pytorch.Generator",
        "import torch.nn.functional as F\n": "from torch.nn import functional\n",
        "F.": "functional.",
        "import gather, own_rows\n": "import gather as of_all_ranks, own_rows\n",
        "gather(z)": "of_all_ranks(z)",
    }.items():
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    assert of_copy(copied) == known


TRAINED = set(TRAININGS)
EVALUATED = {"stages.linear_eval", "stages.pixels"}


@pytest.mark.parametrize(
    ("file", "before", "after", "changed"),
    [
        # what makes no numbers
        ("base/batches.py", "batch_size < 2", "batch_size < 3", set()),
        ("training/saves.py", 'say(f"going on after', 'say(f"resumed after', set()),
        ("base/command_line.py", 'help="', 'help="say: ', set()),
        ("algorithms/_crops.py", "expected numbers from 1 to", "expected 1 to", set()),
        ("base/lock.py", "LOCK_NB", "LOCK_UN", set()),
        ("base/files.py", "os.fsync", "os.fdatasync", set()),
        ("training/monitor.py", "images/s", "images a second", set()),
        ("records/provenance.py", "2**20", "2**30", set()),
        # what is a training's parameter, if it is its own
        ("algorithms/rotnet.py", '"learning_rate": 0.1', '"learning_rate": 0.2', set()),
        ("algorithms/npid.py", '"negatives": 512,', '"negatives": 64,', set()),
        # what does
        (
            "algorithms/supervised.py",
            "return F.cross_entropy(",
            "return 2 * F.cross_entropy(",
            {"supervised"},
        ),
        ("algorithms/_kmeans.py", "ROWS = 65536", "ROWS = 32768", {"deepclusterv2"}),
        ("algorithms/_momentum.py", "+ 1) / 2", "+ 1) / 3", {"byol", "dino", "mocov2"}),
        ("algorithms/deepclusterv2.py", "@torch.no_grad()", "@torch.enable_grad()", {"deepclusterv2"}),
        ("training/step.py", "objective.backward()", "(2 * objective).backward()", TRAINED),
        (
            "training/optim.py",
            "(1 + math.cos(",
            "(1 - math.cos(",
            TRAINED | {"stages.linear_eval"},
        ),
        ("networks/resnet.py", "width: float = 1", "width: float = 2", "networks.resnet"),
        ("data/augment.py", "/ 255", "/ 256", "data.augment"),
        ("measures/energy.py", '"chordal"', '"chord"', {"stages.energy"}),
        ("statistics/rank_correlation.py", "DRAWS = ", "DRAWS = 1 + ", {"stages.claims"}),
    ],
)
def test_a_change_makes_anew_what_depends_on_it_and_nothing_else(known, copied, file, before, after, changed):
    """changed: results, algorithms whose networks these are, or a module all of whose users these are."""
    path = copied / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    if isinstance(changed, str):
        closures = {name: digest.import_closure(*modules) for name, modules in DIGESTS.items()}
        changed = {name for name, closure in closures.items() if changed in closure}
        assert changed
    changed = {f"training {name}" if name in ALGORITHMS else name for name in changed}
    assert {name for name, value in of_copy(copied).items() if value != known[name]} == changed


# --- environments ---

LOCK = """# made by a tool
numpy==2.0.0 \\
    --hash=sha256:aaaa
    # via scipy
scipy==1.0 \\
    --hash=sha256:bbbb
"""


@pytest.fixture
def lock(tmp_path):
    """Digest of a lock file with this text."""

    def digest_of(text: str) -> str:
        path = tmp_path / "some.lock"
        path.write_text(text)
        return digest.lock_digest(path)

    return digest_of


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# made by a tool\n", ""),
        ("# via scipy", "# via scipy, pandas"),
        ("scipy==1.0", "\n\nscipy==1.0"),
        ("sha256:bbbb", "sha256:bbbb  # via nothing"),
    ],
)
def test_comments_and_blank_lines_of_a_lock_do_not_count(lock, before, after):
    assert lock(LOCK.replace(before, after)) == lock(LOCK)


@pytest.mark.parametrize(("before", "after"), [("2.0.0", "2.0.1"), ("bbbb", "cccc"), ("scipy", "scipi")])
def test_versions_hashes_and_names_of_a_lock_count(lock, before, after):
    assert lock(LOCK.replace(before, after)) != lock(LOCK)
