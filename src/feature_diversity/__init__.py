"""Does the diversity of what a self-supervised network learns tell how well it will generalise?

The public names below are imported when they are first used (PEP 562): importing the package is cheap and
loads no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feature_diversity.base.run import Run
    from feature_diversity.measures.any_energy import hyperspherical_energy
    from feature_diversity.measures.energy import Energy
    from feature_diversity.networks.others.energy_modules import (
        HypersphericalEnergy,
        HypersphericalEnergyLoss,
    )
    from feature_diversity.networks.others.measure import measure
    from feature_diversity.networks.others.monitor import DiversityMonitor
    from feature_diversity.networks.released.layouts import load_released
    from feature_diversity.networks.resnet import ResNet, resnet
    from feature_diversity.planning.study import Study

__version__ = "0.1.0"
__all__ = [
    "DiversityMonitor",
    "Energy",
    "HypersphericalEnergy",
    "HypersphericalEnergyLoss",
    "ResNet",
    "Run",
    "Study",
    "__version__",
    "hyperspherical_energy",
    "load_released",
    "measure",
    "resnet",
]

_HOMES = {
    "DiversityMonitor": "networks.others.monitor",
    "Energy": "measures.energy",
    "HypersphericalEnergy": "networks.others.energy_modules",
    "HypersphericalEnergyLoss": "networks.others.energy_modules",
    "ResNet": "networks.resnet",
    "Run": "base.run",
    "Study": "planning.study",
    "hyperspherical_energy": "measures.any_energy",
    "load_released": "networks.released.layouts",
    "measure": "networks.others.measure",
    "resnet": "networks.resnet",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module; AttributeError for any other name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
