import importlib.util
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import feature_diversity
from feature_diversity.records import digest

PACKAGE = Path(feature_diversity.__file__).parent

# What a result depends on. A module that enters one of these sets makes every result of that stage anew
# whenever it changes: training costs days, so widen these with care.
LOADING = (
    "algorithms base base.files base.timing compute compute.draws data data.image_files "
    "data.loader data.store data.threads networks networks.convolution networks.model "
    "networks.resnet "
)
CLOSURES = {
    "training.loop": f"{LOADING} "
    "base.lock base.run compute.interruption compute.launch compute.machine "
    "compute.norm_over_ranks compute.ranks compute.recompute records records.origin training "
    "training.finished training.loop training.monitor training.optim training.saves "
    "training.step training.store ",
    "evaluation.features": f"{LOADING} data.augment evaluation.features ",
    "evaluation.linear": f"{LOADING} "
    "data.augment evaluation evaluation.knn evaluation.linear evaluation.logistic "
    "evaluation.probes evaluation.sgd_protocol measures measures.readings training "
    "training.optim ",
    "measures.of_layers": "base base.files base.timing measures measures.approximate measures.directions "
    "measures.energy measures.gram measures.of_layers measures.readings "
    "measures.special_functions measures.spectra measures.uniform_sphere ",
    "results.collect": "base base.files base.run base.timing results results.collect results.early_stopping ",
    "report.content": "base base.files base.run base.timing claims claims.paper figures figures.captions "
    "figures.style records records.digest records.origin records.provenance report "
    "report.behind report.chart report.columns report.content report.links report.missing "
    "report.page report.verdicts results results.table ",
    "figures.draw": "base base.files base.timing figures figures.captions figures.draw figures.drawing "
    "figures.further figures.heat_map figures.paper figures.relations figures.seeds "
    "figures.size figures.style results results.table ",
    "claims.judge": "base base.errors base.files base.run base.timing claims claims.cells claims.evidence "
    "claims.figure1 claims.figure2 claims.figure3 claims.figure4 claims.judge claims.kinds "
    "claims.kinds.comparisons claims.kinds.layers claims.kinds.relations claims.kinds.stopping "
    "claims.kinds.trends claims.overall claims.paper claims.readings claims.runs results results.table "
    "statistics statistics.contrasts statistics.groups statistics.rank_correlation ",
}

MODULE = '''
"""What the module is for."""

import math

from feature_diversity import helper


class Square:
    """A square."""

    def area(self, side):
        """Its area."""
        return helper.power(side, 2)  # squared


def nothing():
    """Only a docstring."""
'''


@pytest.fixture
def package(tmp_path):
    """A package of the modules given as text, with a copy of `digest.py` in it; returns that copy."""

    def write(**modules: str):
        folder = tmp_path / "feature_diversity"
        for name, text in {"helper": "def power(x, n): return x**n", **modules}.items():
            path = folder.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (folder / "records").mkdir(exist_ok=True)
        shutil.copy(PACKAGE / "records" / "digest.py", folder / "records")
        spec = importlib.util.spec_from_file_location("digest_of_the_test", folder / "records" / "digest.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return write


# --- code ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# squared", "# to the power of two"),
        ("Its area.", "The area of the square."),
        ('"""What the module is for."""', ""),
        ("class Square:", "\n\n\nclass Square:  # a comment"),
        ("helper.power(side, 2)", "(helper.power(\n            side,\n            2,\n        ))"),
        ('    """Only a docstring."""', "    pass"),
    ],
)
def test_comments_docstrings_and_layout_do_not_change_the_digest(package, before, after):
    assert before in MODULE
    code = package(stage=MODULE).code_digest("stage")
    assert package(stage=MODULE.replace(before, after)).code_digest("stage") == code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(side, 2)", "(side, 3)"),
        ("def area", "def surface"),
        ("import math", "import cmath"),
        ("helper.power(side, 2)", "'a text that is no docstring'"),
    ],
)
def test_a_change_of_meaning_changes_the_digest(package, before, after):
    assert before in MODULE
    code = package(stage=MODULE).code_digest("stage")
    assert package(stage=MODULE.replace(before, after)).code_digest("stage") != code


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


def test_an_unknown_module_is_refused(package):
    with pytest.raises(ValueError, match=r"no module feature_diversity\.nothing"):
        package().code_digest("nothing")


@pytest.mark.parametrize("stage", CLOSURES)
def test_a_stage_imports_no_more_of_the_package_than_is_known(stage):
    assert digest.import_closure(stage) == set(CLOSURES[stage].split())


def test_python_imports_what_the_digest_says():
    program = """if True:
        import json, sys
        import feature_diversity.training.loop
        print(json.dumps([name for name in sys.modules if name.startswith("feature_diversity.")]))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = {name.removeprefix("feature_diversity.") for name in json.loads(done.stdout)}
    assert imported == digest.import_closure("training.loop")


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
