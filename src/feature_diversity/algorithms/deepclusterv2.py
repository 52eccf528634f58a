"""DeepCluster-v2: tell the cluster of an image from its views (Caron et al. 2020, arXiv 2006.09882)."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms._crops import check_crops, check_prototypes, crops
from feature_diversity.algorithms._kmeans import spherical_kmeans
from feature_diversity.base.errors import InputError
from feature_diversity.compute.ranks import Table, gather, whole

RECIPE = {  # VISSL, pretrain/deepcluster_v2/deepclusterv2_2crops_resnet
    "batch_size": 4096,
    "optimizer": "larc",
    "learning_rate": 0.3,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-6,
    "decay_norm": True,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0375,  # 0.6 for the batch of 4,096
    "end": 0.0,
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "temperature": 0.1,
    "projection_size": 128,
    "prototypes": [3000, 3000, 3000],  # clusters of each head
    "kmeans_iterations": 10,
    "crop_sizes": [224],  # with [224, 96], [2, 6] and a second scale: multi-crop
    "crops": [2],  # of each size
    "crop_scales": [[0.08, 1.0]],
    "crops_in_memory": [0, 1],  # these crops' embeddings are clustered, heads taking turns
    "flip_probability": 0.5,
    "colour_strength": 1.0,
    "blur_probability": 0.5,
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "temperature": "above 0",
    "projection_size": "above 0",
    "prototypes": "above 0",
    "crop_sizes": "above 0",
    "crop_scales": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {
    "batch_size": 256,  # tens of thousands of images, not a million
    "optimizer": "sgd",  # LARC's steps, a thousandth of the weights, need more steps than there are
    "learning_rate": 0.1,
    "weight_decay": 1e-4,  # usual for SGD on CIFAR
    "warmup_epochs": 0,  # VISSL drops the warm-up on one node, too
    "prototypes": [100, 100, 100],  # several images each, where there are 1,000
    "crop_sizes": [32],
    "crop_scales": [[0.2, 1.0]],  # 8 % of 32 x 32 pixels show nothing
    "colour_strength": 0.5,  # as for SimCLR
    "blur_probability": 0.0,  # likewise
}
VIEWS = {"crops": 1}  # of each training image, for the estimate of costs


class DeepClusterV2(Algorithm):
    """The head projects as SimCLR's; the prototypes are centroids of what the last epoch saw, not learnt.

    Attributes:
        memory: normalised embeddings of all training images, a table for each of `crops_in_memory`. They are
            filled before the first epoch; an image left out of an epoch's last, incomplete batch keeps its
            embedding (VISSL leaves such images without a cluster).
    """

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_recipe(recipe, images)
        self.recipe = recipe
        size = recipe["projection_size"]
        self.head = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(inplace=True), nn.Linear(channels, size)
        )
        prototypes = recipe["prototypes"]
        self.memory = nn.ModuleList(Table(torch.zeros(images, size)) for _ in recipe["crops_in_memory"])
        self.register_buffer("centroids", torch.zeros(sum(prototypes), size))
        self.register_buffer("assignments", torch.zeros(len(prototypes), images, dtype=torch.int64))

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Crop each image, all crops of one size after the other, first crops first; the targets are rows."""
        return crops(batch, generator, self.recipe), batch.rows

    def start_epoch(
        self, features: Iterator[tuple[list[Tensor], Tensor]], generator: torch.Generator
    ) -> None:
        """Cluster the memory anew, once for each head, from randomly chosen embeddings on."""
        if not self.memory[0].rows.any():
            for views, rows in features:
                self.remember(self.embed(views), rows)
        for head, centroids in enumerate(self.centroids.split(self.recipe["prototypes"])):
            x = self.memory[head % len(self.memory)]
            start = torch.randperm(x.images, generator=generator)[: len(centroids)].to(centroids.device)
            found, clusters = spherical_kmeans(x.rows, x.read(start), self.recipe["kmeans_iterations"])
            centroids.copy_(found)
            self.assignments[head] = whole(clusters, x.images)

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the cross-entropy of the clusters; the embeddings then enter the memory."""
        z = self.embed(features)
        self.remember(z, targets)
        assignments = self.assignments[:, targets].repeat(1, len(z) // len(targets))
        centroids = self.centroids.split(self.recipe["prototypes"])
        return cluster_loss(z, centroids, assignments, self.recipe["temperature"])

    def embed(self, features: list[Tensor]) -> Tensor:
        """Compute normalised projections of all crops, in one tensor."""
        return F.normalize(torch.cat([self.head(x) for x in features]), dim=1)

    @torch.no_grad()
    def remember(self, z: Tensor, rows: Tensor) -> None:
        """Put the embeddings of some of the crops of the images `rows` into the memory."""
        crops = z.view(-1, len(rows), z.shape[1])
        for table, crop in zip(self.memory, self.recipe["crops_in_memory"], strict=True):
            table.write(gather(rows), gather(crops[crop]))


def cluster_loss(z: Tensor, centroids: tuple[Tensor, ...], assignments: Tensor, temperature: float) -> Tensor:
    """Compute the cross-entropy of z's dot products with each head's centroids, averaged over heads.

    Args:
        z: V x D, normalised.
        centroids: for each head, K x D.
        assignments: int64, heads x V; -100 = none.
        temperature: divides the dot products.

    Returns:
        A scalar.
    """
    losses = [
        F.cross_entropy(z @ prototypes.mT / temperature, clusters)
        for prototypes, clusters in zip(centroids, assignments, strict=True)
    ]
    return torch.stack(losses).mean()


def check_recipe(recipe: dict, images: int) -> None:
    """Check the prototypes and the lists of crops.

    Raises:
        InputError: more prototypes than images, or lists of crops that do not fit together.
    """
    check_prototypes("deepclusterv2", recipe["prototypes"], images)
    check_crops("deepclusterv2", recipe)
    if not all(0 <= crop < sum(recipe["crops"]) for crop in recipe["crops_in_memory"]):
        raise InputError(
            f"recipes: deepclusterv2: crops_in_memory is {recipe['crops_in_memory']}, "
            f"expected crops from 0 to {sum(recipe['crops']) - 1}"
        )


ALGORITHM = DeepClusterV2
