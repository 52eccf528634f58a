"""NPID: every image is a class of its own (Wu et al. 2018, arXiv 1805.01978).

An image must be told from others by embeddings that a memory bank remembers from their last visit.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.base.errors import InputError
from feature_diversity.compute.ranks import Table, gather, here, own_rows, place, total, whole
from feature_diversity.data.augment import colour_jitter, random_resized_crop

RECIPE = {  # VISSL, pretrain/npid/npid_8gpu_resnet
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.03,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": False,
    "decay_bias": True,
    "schedule": "multistep",
    "warmup_epochs": 0,
    "warmup_start": 0.0,
    "end": 0.0,
    "milestones": [0.6, 0.8],  # epochs 120 and 160 of 200
    "factor": 0.1,
    "rate_update": "epoch",
    "embedding_size": 128,
    "temperature": 0.07,
    "negatives": 4096,
    "loss_type": "nce",
    "memory_momentum": 0.5,
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "jitter": 0.4,  # of brightness, contrast, saturation and hue
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "embedding_size": "above 0",
    "temperature": "above 0",
    "negatives": "above 0",
    "loss_type": ["nce", "cross_entropy"],
    "memory_momentum": "0 to 1",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
}

SMALL_IMAGES = {
    "batch_size": 128,  # more steps from few images
    "schedule": "cosine",  # in tens of epochs, a rate a tenth as high for 40 % of them learns too little
    "rate_update": "step",  # as a cosine over few epochs needs
    # An untrained network's embeddings are all alike: exp(similarity / temperature) is far above what it was
    # over the random bank from which Z was estimated. A bank of a thousand images is full of such embeddings
    # after an epoch, and the loss with Z rises from there.
    "loss_type": "cross_entropy",
    "negatives": 512,  # a large part of what such data sets have
    "temperature": 0.1,  # as SimCLR's
    "crop_scale": [0.2, 1.0],  # 8 % of 32 x 32 pixels show nothing
}
VIEWS = {"image": 1}  # of each training image, for the estimate of costs


class NPID(Algorithm):
    """The head is linear; its normalised output is compared with a memory bank of all training images."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        self.head = nn.Linear(channels, recipe["embedding_size"])
        self.memory = memory_bank("npid", recipe, images)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image once; the targets are the images' rows in the bank."""
        reach = self.recipe["jitter"]
        x = colour_jitter(
            batch.images, generator, brightness=reach, contrast=reach, saturation=reach, hue=reach
        )
        x = random_resized_crop(
            x,
            generator,
            size=batch.size,
            scale=self.recipe["crop_scale"],
            flip_probability=self.recipe["flip_probability"],
        )
        return [x], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the loss of the embeddings, which then enter the bank."""
        z = F.normalize(self.head(features[0]), dim=1)
        loss = self.memory.loss(z, targets, self.recipe["temperature"], generator)
        self.memory.update(z, targets, self.recipe["memory_momentum"])
        return loss


class MemoryBank(nn.Module):
    """A normalised embedding of every training image, and what a comparison with them needs.

    Args:
        images: in the training set.
        size: of an embedding, D.
        negatives: that an embedding is compared with.
        loss_type: "nce", telling data from noise by a partition constant (Wu et al. 2018, section 3.2), or
            "cross_entropy", telling the image from its negatives, which needs no constant (van den Oord et
            al. 2018, eq. 4); the names are VISSL's.

    Attributes:
        embeddings: a row of D values for each image.
        partition: Wu et al.'s Z, the sum of exp(similarity / temperature) over the bank, estimated from the
            first batch ever compared and then kept; 0 until then, and always without "nce".
        sample_negatives: (images, shape, generator) -> rows, replaceable.
    """

    def __init__(self, images: int, size: int, negatives: int, loss_type: str = "nce"):
        super().__init__()
        self.negatives, self.loss_type = negatives, loss_type
        self.sample_negatives = uniform_rows
        self.embeddings = Table(F.normalize(torch.randn(images, size), dim=1))
        self.register_buffer("partition", torch.zeros(()))

    def loss(self, z: Tensor, rows: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """Compute the loss of telling images from others.

        Args:
            z: B x D, normalised embeddings.
            rows: int64, B, the images' rows in the bank.
            temperature: divides the similarities.
            generator: of the negatives.

        Returns:
            A scalar, the mean over the batch.
        """
        every, rows = gather(z), gather(rows)
        negatives = self.sample_negatives(self.embeddings.images, (len(every), self.negatives), generator)
        candidates = torch.cat([rows[:, None], negatives.to(z.device, non_blocking=True)], dim=1)
        if self.loss_type == "cross_entropy":
            bank = whole(self.embeddings.rows, self.embeddings.images)
            scores = similarities(z, bank, candidates[own_rows(z)]) / temperature
            return F.cross_entropy(scores, torch.zeros_like(rows[: len(z)]))
        return self._noise_contrastive(every, candidates, temperature) / len(z)

    def _noise_contrastive(self, z: Tensor, candidates: Tensor, temperature: float) -> Tensor:
        """Compute this rank's part of the noise-contrastive loss of the whole batch, summed.

        Args:
            z: B x D, of all ranks.
            candidates: int64, B x (K + 1), rows of the bank, the images' own first.
            temperature: divides the similarities.
        """
        images = self.embeddings.images
        scores = similarities(z, self.embeddings.rows, place(candidates)) / temperature
        mine = here(candidates)
        with torch.no_grad():
            estimate = total(scores[mine].exp().sum()) / candidates.numel() * images
            self.partition = torch.where(self.partition > 0, self.partition, estimate)
        own, negative = (scores[:, part][here(candidates[:, part])] for part in (0, slice(1, None)))
        return noise_contrastive_loss(own, negative, self.partition, self.negatives / images)

    @torch.no_grad()
    def update(self, z: Tensor, rows: Tensor, momentum: float) -> None:
        """Move the embeddings of the images `rows` to momentum x old + (1 - momentum) x z, normalised."""
        z, rows = gather(z), gather(rows)
        moved = F.normalize(momentum * self.embeddings.read(rows) + (1 - momentum) * z, dim=1)
        self.embeddings.rows = self.embeddings.rows.clone()  # since backward still needs the old ones
        self.embeddings.write(rows, moved)


def uniform_rows(images: int, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Draw rows of the bank uniformly with replacement, an image's own row not left out, as in VISSL."""
    return torch.randint(images, shape, generator=generator)


def similarities(z: Tensor, bank: Tensor, candidates: Tensor) -> Tensor:
    """Compute dot products of embeddings with some rows of the bank.

    All B x M products are computed first: that needs less memory than B x (K + 1) copied rows.

    Args:
        z: B x D.
        bank: M x D.
        candidates: int64, B x (K + 1), rows of the bank.

    Returns:
        B x (K + 1).
    """
    return (z @ bank.mT).gather(1, candidates)


def noise_contrastive_loss(own: Tensor, negatives: Tensor, partition: Tensor, noise: float) -> Tensor:
    """Compute the loss of telling data from noise (Wu et al. 2018, eq. 8), summed.

    Args:
        own: similarities over temperature of embeddings with their own rows of the bank.
        negatives: the same with noise rows.
        partition: Z, so that exp(score) / Z is a probability.
        noise: noise rows an image has, times the noise's probability of a row.

    Returns:
        A scalar.
    """
    epsilon = torch.finfo(torch.float32).eps
    data, rest = own.exp() / partition, negatives.exp() / partition
    data = data / (data + noise + epsilon)
    rest = noise / (rest + noise + epsilon)
    return -(data.log().sum() + rest.log().sum())


def memory_bank(algorithm: str, recipe: dict, images: int) -> MemoryBank:
    """Make the memory bank of a recipe.

    Raises:
        InputError: the number of negatives is below 1 or above the number of training images.
    """
    negatives = recipe["negatives"]
    if not 1 <= negatives <= images:
        raise InputError(
            f"recipes: {algorithm}: negatives is {negatives}, "
            f"expected 1 to {images}, the number of training images"
        )
    return MemoryBank(images, recipe["embedding_size"], negatives, recipe["loss_type"])


ALGORITHM = NPID
