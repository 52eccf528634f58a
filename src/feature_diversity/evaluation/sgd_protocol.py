"""VISSL's linear evaluation: classifiers on a frozen trunk, trained by SGD on augmented images."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.compute.draws import generator, seeded
from feature_diversity.data import store
from feature_diversity.data.augment import mirror, random_resized_crop
from feature_diversity.data.loader import training_batches
from feature_diversity.evaluation.probes import layers_of, pool
from feature_diversity.networks import model
from feature_diversity.training.optim import (
    SGD,
    learning_rate,
    make_optimizer,
    parameter_groups,
    scaled_learning_rate,
)

# VISSL, benchmark/linear_image_classification/imagenet1k/eval_resnet_8gpu_transfer_in1k_linear, and
# cifar100/eval_resnet_8gpu_transfer_cifar100_linear, which differs in its augmentation alone
LEARNING_RATE = 0.01  # for a batch of 256; scaled with the batch
MILESTONES = (8 / 28, 16 / 28, 24 / 28)  # of the run: epochs 8, 16 and 24 of 28
FACTOR = 0.1
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4


class Classifier(nn.Module):
    """VISSL's eval_mlp: BatchNorm of the channels of a pooled map, then a linear layer."""

    def __init__(self, shape: torch.Size, classes: int):
        super().__init__()
        self.channel_bn = nn.BatchNorm2d(shape[0])
        self.linear = nn.Linear(shape.numel(), classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Scores, N x classes, of pooled maps, N x C x k x k."""
        return self.linear(self.channel_bn(maps).flatten(1))


def rate(epoch: int, epochs: int, batch_size: int) -> float:
    """Compute the learning rate of an epoch, counted from 0."""
    base = scaled_learning_rate(LEARNING_RATE, batch_size)
    return learning_rate(
        epoch / epochs, base=base, schedule="multistep", milestones=MILESTONES, factor=FACTOR
    )


def optimizer_of(classifiers: nn.ModuleDict) -> SGD:
    """Make VISSL's SGD: Nesterov momentum, and weight decay of everything but BatchNorm's parameters."""
    groups = parameter_groups(classifiers, WEIGHT_DECAY, decay_norm=False, decay_bias=True)
    return make_optimizer(groups, optimizer="sgd", momentum=MOMENTUM, nesterov=True)


def step(
    classifiers: nn.ModuleDict,
    optimizer: SGD,
    maps: dict[str, Tensor],
    labels: Tensor,
    lr: float,
) -> None:
    """Update all classifiers once: the losses of all layers are summed (each has weights of its own).

    Args:
        classifiers: by layer.
        optimizer: of all their parameters.
        maps: pooled, N x C x k x k, by layer.
        labels: int64, N.
        lr: learning rate.
    """
    optimizer.zero_grad()
    loss = sum(F.cross_entropy(classifiers[layer](maps[layer]), labels) for layer in classifiers)
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()


def train(
    network: model.Model,
    split: store.Split,
    facts: store.Facts,
    layers: list[str],
    *,
    epochs: int = 28,
    batch_size: int = 256,
    augmentation: str = "crop",
    seed: int = 0,
) -> nn.ModuleDict:
    """Train a classifier on each layer; the trunk stays in eval mode.

    Args:
        network: whose trunk is frozen.
        split: training images.
        facts: of the data set.
        layers: names of layers.
        epochs: of training.
        batch_size: images a step.
        augmentation: "crop", a random crop of 8 to 100 % of the area, as for ImageNet, or "resize", the whole
            image, as for CIFAR-100; either is mirrored with probability 0.5.
        seed: of initial weights, order and augmentation.

    Returns:
        Classifiers in eval mode, by layer.
    """
    device = model.device()
    split = split.to(device)
    classifiers = nn.ModuleDict()
    for epoch in range(epochs):
        order = torch.randperm(len(split.labels), generator=generator(seed, "linear order", epoch))
        batches = training_batches(split, order, batch_size, (seed, epoch))
        for number, (images, labels, _) in enumerate(batches):
            x = augment(
                images, facts.image_size, augmentation, generator(seed, "linear views", epoch, number)
            )
            with torch.no_grad():
                maps = network.trunk.forward_layers(store.normalise(x, facts), layers)
                maps = {layer: pool(maps[layer]) for layer in layers}
            if not classifiers:
                with seeded(seed, "linear"):
                    for layer in layers:
                        classifiers[layer] = Classifier(maps[layer].shape[1:], len(facts.class_names))
                classifiers.to(device).train()
                optimizer = optimizer_of(classifiers)
            step(classifiers, optimizer, maps, labels, rate(epoch, epochs, batch_size))
    return classifiers.eval()


def augment(images: Tensor, size: int, augmentation: str, draws: torch.Generator) -> Tensor:
    """Make of uint8 images what the trunk is given in this training: 0 ... 1, size x size pixels."""
    if augmentation == "crop":
        return random_resized_crop(store.to_unit(images), draws, size=size, flip_probability=0.5)
    resized = store.to_unit(store.resize(images, size))
    return mirror(resized, torch.rand(len(images), generator=draws) < 0.5)


@torch.no_grad()
def scores(
    classifiers: nn.ModuleDict, network: model.Model, split: store.Split, facts: store.Facts
) -> dict[str, Tensor]:
    """Compute each classifier's scores, N x classes, of all images."""
    batches: Iterator = layers_of(network, split, facts, list(classifiers))
    found = [{name: classifiers[name](pool(maps[name])) for name in classifiers} for maps, _ in batches]
    return {name: torch.cat([batch[name] for batch in found]) for name in classifiers}
