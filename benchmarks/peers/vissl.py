"""SimCLR with VISSL 0.1.6's transforms, collator, head and loss, in plain PyTorch.

Runs in VISSL's own environment (`make vissl-env`). VISSL's loop around it, with hooks and meters, is not in
the numbers.
"""

# ruff: noqa: E402  the path must be set first

import sys
from pathlib import Path

# this file's folder comes first on the path and would hide the package of the same name
sys.path[0] = str(Path(__file__).parents[1])

import numpy as np
import torch
import torchvision.datasets.kinetics
from PIL import Image
from pretrain import IMAGES, NETWORKS, build_trunk, endless, serve
from torch import nn
from torch.utils.data import DataLoader, Dataset

# the name that VISSL's copy of ClassyVision imports; torchvision has dropped it
torchvision.datasets.kinetics.Kinetics400 = torchvision.datasets.kinetics.Kinetics

from classy_vision.generic.distributed_util import set_cpu_device
from vissl.config import AttrDict
from vissl.data.collators.simclr_collator import simclr_collator
from vissl.data.ssl_transforms import get_transform
from vissl.losses.simclr_info_nce_loss import SimclrInfoNCELoss

TRANSFORMS = [  # of its pretrain/simclr recipe, with the sizes and strengths of the other contestants
    {"name": "ImgReplicatePil", "num_times": 2},
    {"name": "RandomResizedCrop", "size": 32, "scale": [0.2, 1.0]},
    {"name": "RandomHorizontalFlip", "p": 0.5},
    {"name": "ImgPilColorDistortion", "strength": 0.5},
    {"name": "ToTensor"},
    {"name": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
]


class Images(Dataset):
    """Random images in memory, as VISSL's own data set gives them to its transforms."""

    def __init__(self):
        self.pixels = np.random.default_rng(0).integers(256, size=(IMAGES, 32, 32, 3), dtype=np.uint8)
        self.transform = get_transform(TRANSFORMS)

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, row: int):
        item = {
            "data": [Image.fromarray(self.pixels[row])],
            "label": [row],
            "data_valid": [1],
            "data_idx": [row],
        }
        return self.transform(item)


def main() -> None:
    network, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    set_cpu_device()
    batch = NETWORKS[network]
    trunk, features = build_trunk(network)
    head = nn.Sequential(nn.Linear(features, features), nn.ReLU(inplace=True), nn.Linear(features, 128))
    loader = DataLoader(
        Images(),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        collate_fn=simclr_collator,
        num_workers=threads - 1,  # the second core decodes, as a user would have it
        persistent_workers=threads > 1,
    )
    buffers = {"effective_batch_size": 2 * batch, "world_size": 1, "embedding_dim": 128}
    criterion = SimclrInfoNCELoss(AttrDict({"temperature": 0.1, "buffer_params": buffers}), device="cpu")
    parameters = [*trunk.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
    batches = endless(loader)

    def step() -> None:
        item = next(batches)
        loss = criterion(head(trunk(item["data"][0]).flatten(1)), None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    serve(step)


if __name__ == "__main__":
    main()
