"""SwAV: a crop predicts the cluster of another, clusters having equal shares (Caron et al. 2020).

arXiv 2006.09882.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms._crops import check_crops, check_prototypes, crops
from feature_diversity.algorithms.vicreg import mlp
from feature_diversity.base.errors import InputError
from feature_diversity.compute.ranks import gather, own_rows

RECIPE = {  # the authors' scripts/swav_100ep_pretrain.sh, as VISSL's swav_8node_resnet
    "batch_size": 4096,
    "optimizer": "larc",
    "learning_rate": 0.3,  # 4.8 for the batch of 4,096
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-6,
    "decay_norm": True,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.01875,  # 0.3 for the batch of 4,096
    "end": 0.0003,  # 0.0048 for the batch of 4,096
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "temperature": 0.1,
    "epsilon": 0.05,  # of Sinkhorn-Knopp
    "sinkhorn_iterations": 3,
    "prototypes": 3000,
    "freeze_prototypes_steps": 313,
    "projector": [2048, 128],  # outputs of its layers
    "crop_sizes": [224, 96],
    "crops": [2, 6],  # of each size; the first two are assigned to clusters
    "crop_scales": [[0.14, 1.0], [0.05, 0.14]],
    "flip_probability": 0.5,
    "colour_strength": 1.0,
    "blur_probability": 0.5,
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "temperature": "above 0",
    "epsilon": "above 0",
    "prototypes": "above 0",
    "projector": "above 0",
    "crop_sizes": "above 0",
    "crop_scales": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {
    "batch_size": 256,  # as SimCLR's here, with the next four
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "warmup_epochs": 0,
    "end": 0.0,
    # Embeddings of an untrained network are alike: at 0.05, an image's code is all but uniform, and stays so
    "epsilon": 0.01,
    "prototypes": 30,  # a batch of 256 is shared out evenly among them
    "freeze_prototypes_steps": 0,  # the steps are few
    "projector": [512, 128],
    "crop_sizes": [32],
    "crops": [2],
    "crop_scales": [[0.2, 1.0]],  # 8 % of 32 x 32 pixels show nothing
    "colour_strength": 0.5,  # as for SimCLR
    "blur_probability": 0.0,  # likewise
}
VIEWS = {"crops": 1}  # of each training image, for the estimate of costs


class SwAV(Algorithm):
    """The head is the projector; its normalised output is compared with prototypes.

    Attributes:
        prototypes: learnt, a row for each cluster, normalised before every step.
        steps: number of those done.
    """

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_crops("swav", recipe)
        check_prototypes("swav", [recipe["prototypes"]], images)
        if sum(recipe["crops"]) < 2:
            raise InputError(f"recipes: swav: crops is {recipe['crops']}, expected two or more together")
        self.recipe = recipe
        self.head = mlp(channels, recipe["projector"], bias=True)
        self.prototypes = nn.Linear(recipe["projector"][-1], recipe["prototypes"], bias=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Crop each image, all crops of one size after the other, first crops first; normalise prototypes."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))
        return crops(batch, generator, self.recipe), batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Let each crop predict the clusters of the first two others."""
        recipe, prototypes = self.recipe, self.prototypes.weight
        frozen = self.steps < recipe["freeze_prototypes_steps"]
        z = F.normalize(self.head(torch.cat(features)), dim=1)
        scores = z @ torch.where(frozen, prototypes.detach(), prototypes).mT
        self.steps += 1
        return swav_loss(
            scores.unflatten(0, (-1, len(targets))),
            recipe["temperature"],
            recipe["epsilon"],
            recipe["sinkhorn_iterations"],
        )


def swav_loss(scores: Tensor, temperature: float, epsilon: float, iterations: int) -> Tensor:
    """Compute SwAV's loss (Caron et al. 2020, eq. 1 and 2), averaged over images.

    Args:
        scores: V x N x K, of V crops of N images with K prototypes. On several ranks, the images of all of
            them share the clusters.
        temperature: divides the scores of the crops that predict.
        epsilon: of `sinkhorn`, as are the iterations.
        iterations: how many.

    Returns:
        A scalar, the mean over the first two crops, whose clusters are predicted, and all other crops.
    """
    log_p = F.log_softmax(scores / temperature, dim=2)
    losses = []
    for number, assigned in enumerate(scores[:2].detach()):
        codes = sinkhorn(gather(assigned), epsilon, iterations)[own_rows(assigned)]
        others = [crop for crop in range(len(scores)) if crop != number]
        losses.append(-(codes * log_p[others]).sum(dim=2).mean())
    return torch.stack(losses).mean()


def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Share images out among prototypes, evenly, by Sinkhorn-Knopp (Caron et al. 2020, eq. 3 to 5).

    Args:
        scores: N x K, of images with prototypes.
        epsilon: divides the scores; the smaller, the nearer to one prototype an image.
        iterations: how often columns and rows are normalised.

    Returns:
        N x K. Rows sum to 1, and columns to about N / K.
    """
    codes = (scores / epsilon).exp()
    for _ in range(iterations):
        codes = codes / codes.sum(dim=0)
        codes = codes / codes.sum(dim=1, keepdim=True)
    return codes


ALGORITHM = SwAV
