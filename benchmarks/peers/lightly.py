"""SimCLR as lightly's documentation has it: its transform, a DataLoader, its head and loss, plain PyTorch."""

# ruff: noqa: E402  the path must be set first

import sys
from pathlib import Path

# this file's folder comes first on the path and would hide the package of the same name
sys.path[0] = str(Path(__file__).parents[1])

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from PIL import Image
from pretrain import IMAGES, NETWORKS, build_trunk, endless, serve
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    """Random images in memory, as the CIFAR data sets of torchvision give them."""

    def __init__(self, transform):
        self.pixels = np.random.default_rng(0).integers(256, size=(IMAGES, 32, 32, 3), dtype=np.uint8)
        self.transform = transform

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, row: int):
        return self.transform(Image.fromarray(self.pixels[row]))


def main() -> None:
    network, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    trunk, features = build_trunk(network)
    head = SimCLRProjectionHead(features, features, 128)
    transform = SimCLRTransform(input_size=32, cj_strength=0.5, min_scale=0.2, gaussian_blur=0.0)
    loader = DataLoader(
        Images(transform),
        batch_size=NETWORKS[network],
        shuffle=True,
        drop_last=True,
        num_workers=threads - 1,  # the second core decodes, as a user would have it
        persistent_workers=threads > 1,
    )
    criterion = NTXentLoss(temperature=0.1)
    parameters = [*trunk.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
    batches = endless(loader)

    def step() -> None:
        views = next(batches)
        z0, z1 = (head(trunk(view).flatten(1)) for view in views)
        loss = criterion(z0, z1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    serve(step)


if __name__ == "__main__":
    main()
