"""SimCLR with solo-learn's transforms, data set of several views, and loss, in plain PyTorch.

Its newest release, 1.0.2, asks for PyTorch 1.9.1, so it is installed without what it asks for: `pip install
--no-deps solo-learn==1.0.2`, beside a current torch and torchvision. Its training module needs a Lightning of
that time and is not run; Lightning's own overhead is not in these numbers.
"""

# ruff: noqa: E402  the path must be set first

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

sys.path[0] = str(Path(__file__).parents[1])


def solo(name: str) -> ModuleType:
    """A module of solo-learn by its path, without the package's own imports, among which is Lightning's."""
    package = importlib.machinery.PathFinder.find_spec("solo")
    path = Path(next(iter(package.submodule_search_locations)), *name.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(f"solo_{name.replace('.', '_')}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


import numpy as np
import torch
from PIL import Image
from pretrain import IMAGES, NETWORKS, build_trunk, endless, serve
from torch import nn
from torch.utils.data import Dataset

loading, losses = solo("utils.pretrain_dataloader"), solo("losses.simclr")


class Images(Dataset):
    """Random images in memory, as the CIFAR data sets of torchvision give them."""

    def __init__(self, transform):
        self.pixels = np.random.default_rng(0).integers(256, size=(IMAGES, 32, 32, 3), dtype=np.uint8)
        self.transform = transform

    def __len__(self) -> int:
        return 1_000_000  # its loader starts its workers anew for each epoch, which is to be none of the time

    def __getitem__(self, row: int):
        return self.transform(Image.fromarray(self.pixels[row % IMAGES]))


def main() -> None:
    network, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    trunk, features = build_trunk(network)
    projector = nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, 128))
    jitter = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    transform = loading.prepare_transform("cifar10", **jitter, gaussian_prob=0.0, min_scale=0.2)
    loader = loading.prepare_dataloader(
        Images(loading.prepare_n_crop_transform([transform], num_crops_per_aug=[2])),
        batch_size=NETWORKS[network],
        num_workers=threads - 1,  # the second core decodes, as a user would have it
    )
    parameters = [*trunk.parameters(), *projector.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
    batches = endless(loader)

    def step() -> None:
        views = next(batches)
        z0, z1 = (projector(trunk(view).flatten(1)) for view in views)
        loss = losses.simclr_loss_func(z0, z1, temperature=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    serve(step)


if __name__ == "__main__":
    main()
