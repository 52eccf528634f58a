"""MoCo v2: an image is told from a queue of those before it, whose embeddings a momentum network makes.

He et al. 2020, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms._momentum import MomentumNetwork
from feature_diversity.algorithms.simsiam import swap_views
from feature_diversity.algorithms.vicreg import two_views
from feature_diversity.compute.ranks import gather

RECIPE = {  # the authors' main_moco.py with --mlp --moco-t 0.2 --aug-plus --cos, as their README says
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.03,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": True,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 0,
    "warmup_start": 0.0,
    "end": 0.0,
    "milestones": [],
    "factor": 1.0,
    "rate_update": "epoch",
    "temperature": 0.2,
    "queue_size": 65536,  # negatives of each query
    "key_momentum": 0.999,
    "projection_size": 128,
    "crop_scale": [0.2, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.4, 0.4, 0.4, 0.1],  # of brightness, contrast, saturation and hue
    "blur_probability": [0.5, 0.5],  # of first and second views, as the next
    "solarize_probability": [0.0, 0.0],
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "temperature": "above 0",
    "queue_size": "above 0",
    "key_momentum": "0 to 1",
    "projection_size": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "solarize_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # solo-learn, scripts/pretrain/cifar/mocov2plus.yaml, but for rate and queue
    "learning_rate": 0.1,  # as SimCLR's here
    "rate_update": "step",  # as a cosine over few epochs needs
    "queue_size": 512,  # a step's keys: of few images, a longer one holds the image's own earlier keys
    "key_momentum": 0.99,  # hundreds of steps, not hundreds of thousands
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs
MOMENTUM = True  # a second network sees every view, too


class MoCoV2(Algorithm):
    """The head has no BatchNorm: linear, ReLU, linear, as SimCLR's.

    Attributes:
        key_network: makes the keys.
        queue: the newest normalised keys of all ranks, K x D, newest first. It is filled with random ones.
    """

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        size = recipe["projection_size"]
        self.head = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(inplace=True), nn.Linear(channels, size)
        )
        self.key_network = MomentumNetwork(self.head)
        self.register_buffer("queue", F.normalize(torch.randn(recipe["queue_size"], size), dim=1))

    def begin(self, trunk: nn.Module) -> None:
        """Let the key network follow the trunk, too."""
        self.key_network.follow(trunk)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the key network takes up the step before."""
        self.key_network.update(self.queue.new_tensor(1 - self.recipe["key_momentum"]))
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compare each view with the other's key and the queue, which the keys of both views then enter."""
        keys = F.normalize(self.key_network.projections(), dim=1)
        loss = moco_loss(self.head(features[0]), swap_views(keys), self.queue, self.recipe["temperature"])
        newest_first = torch.cat([gather(keys).to(self.queue.dtype), self.queue])
        self.queue = newest_first[: len(self.queue)].clone()
        return loss


def moco_loss(z: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Compute MoCo's contrastive loss (He et al. 2020, eq. 1), averaged over queries.

    Args:
        z: N x D, queries, any norm.
        keys: N x D, normalised, each query's own.
        queue: K x D, normalised, other images' keys.
        temperature: divides the similarities.

    Returns:
        A scalar.
    """
    z = F.normalize(z, dim=1)
    own = (z * keys).sum(dim=1, keepdim=True)
    similarity = torch.cat([own, z @ queue.mT], dim=1) / temperature
    return F.cross_entropy(similarity, torch.zeros(len(z), dtype=torch.int64, device=z.device))


ALGORITHM = MoCoV2
