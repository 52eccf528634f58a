"""The public names, and what importing the package costs."""

import subprocess
import sys

import pytest

import feature_diversity
from feature_diversity.base.run import Run
from feature_diversity.measures.any_energy import hyperspherical_energy
from feature_diversity.measures.energy import Energy
from feature_diversity.networks.others.energy_modules import HypersphericalEnergy, HypersphericalEnergyLoss
from feature_diversity.networks.others.measure import measure
from feature_diversity.networks.others.monitor import DiversityMonitor
from feature_diversity.networks.released.layouts import load_released
from feature_diversity.networks.resnet import ResNet, resnet
from feature_diversity.planning.study import Study


def test_importing_the_package_imports_nothing_else():
    program = (
        "import sys; before = set(sys.modules); import feature_diversity; "
        "print(feature_diversity.__version__); "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [feature_diversity.__version__, "feature_diversity"]


def test_a_run_and_an_energy_need_no_torch():
    program = (
        "import sys; from feature_diversity import Energy, Run, Study, hyperspherical_energy; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    "thing",
    [
        *(DiversityMonitor, Energy, HypersphericalEnergy, HypersphericalEnergyLoss, ResNet, Run, Study),
        *(hyperspherical_energy, load_released, measure, resnet),
    ],
    ids=lambda thing: thing.__name__,
)
def test_a_public_name_is_the_thing_itself(thing):
    assert getattr(feature_diversity, thing.__name__) is thing
    assert thing.__name__ in feature_diversity.__all__
    assert thing.__name__ in dir(feature_diversity)


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="'feature_diversity' has no attribute 'energie'"):
        _ = feature_diversity.energie
