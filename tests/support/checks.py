"""What the algorithms' tests share: small instances, golden networks, comparisons."""

import io
from pathlib import Path

import numpy as np
import torch
from support.golden_weights import golden_arrays, golden_input, golden_json, golden_state
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch, build
from feature_diversity.base.run import Network
from feature_diversity.compute.machine import Machine
from feature_diversity.data import store
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning.recipe import recipe
from feature_diversity.training import job
from feature_diversity.training.penalties.reference import NOTHING, Reference
from feature_diversity.training.settings import Settings

torch.set_num_threads(1)

IMAGES = 70  # not a multiple of the batch of 16
TINY = {  # what lets an algorithm run on IMAGES images
    "barlow_twins": {"projector": [32, 24, 16]},
    "byol": {"projector": [32, 16], "predictor_size": 24},
    "deepclusterv2": {"prototypes": [5, 4, 3]},
    "dino": {"projector": [32, 24, 16], "prototypes": 20},
    "lejepa": {"projector": [32, 24, 16], "directions": 8},
    "mocov2": {"queue_size": 50},  # not a multiple of the batch
    "npid": {"negatives": 32},
    "pirl": {"negatives": 32},
    "simsiam": {"projector": [32, 16], "predictor_size": 8},
    "swav": {"projector": [32, 16], "prototypes": 8},
    "vicreg": {"projector": [32, 24, 16]},
}


def tiny_recipe(name: str, **changes) -> dict:
    """The recipe for small images, made smaller."""
    return recipe(name, small_images=True, changes={"batch_size": 16} | TINY.get(name, {}) | changes)


def tiny(name: str, *, channels: int = 64, images: int = IMAGES, classes: int = 10, **changes) -> Algorithm:
    """An algorithm for a trunk with few channels."""
    torch.manual_seed(0)
    return build(name, tiny_recipe(name, **changes), channels, images, classes)


def tiny_batch(channels: int = 3) -> Batch:
    """16 random images of 32 x 32 pixels."""
    torch.manual_seed(1)
    return Batch(torch.rand(16, channels, 32, 32), torch.arange(16) % 10, torch.randperm(IMAGES)[:16], 32)


def assert_near(actual: Tensor | float, expected: Tensor | float, tolerance: float = 1e-6) -> None:
    """Equal within `tolerance` times the largest absolute value expected."""
    actual, expected = (torch.as_tensor(x).detach().double() for x in (actual, expected))
    assert actual.shape == expected.shape
    assert float((actual - expected).abs().max()) <= tolerance * float(expected.abs().max())


class GoldenNetwork:
    """VISSL's whole network of models.npz: our trunk and head with its weights, in float64.

    layers: modules of the head in the order in which VISSL numbers them, if the head has several.
    """

    def __init__(self, case: str, head: nn.Module, layers: list[nn.Module] | None = None):
        self.facts = golden_json("models.json")[case]
        self.outputs = golden_arrays("models", case)
        self.trunk = resnet(50, 1, self.facts["norm"].lower())
        self.trunk.load_state_dict(golden_state(self.trunk, self.facts["weight_seed"]))
        ordered = nn.ModuleList(layers or [head])
        ordered.load_state_dict(golden_state(ordered, self.facts["head_seed"]))
        self.head = head.double()
        self.trunk.double()

    def input(self, *counts: int) -> list[Tensor]:
        """Images of the case, 32 x 32, in lots of the given sizes."""
        x = golden_input(self.facts["input_seed"], (sum(counts), 3, 32, 32))
        return list(x.double().split(counts))

    def check(self, forward, *images: Tensor, tolerance: float = 1e-6) -> None:
        """forward: features of each lot -> outputs. They are VISSL's in eval and in training mode."""
        for mode in ("eval", "train"):
            self.trunk.train(mode == "train")
            self.head.train(mode == "train")
            for number, output in enumerate(forward(*[self.trunk(x) for x in images])):
                expected = self.outputs[f"{mode}_out{number}_f64"]
                assert_near(output[:, : expected.shape[1]], expected, tolerance)
                assert_near(output.norm(), self.facts[f"{mode}_out{number}_l2"])

    def check_gradients(self, loss: Tensor) -> None:
        """The training loss and the norm of every parameter's gradient are VISSL's."""
        assert_near(loss, self.facts["train_loss_f64"])
        loss.backward()
        norms = [p.grad.norm() for module in (self.trunk, self.head) for p in module.parameters()]
        expected = list(self.facts["train_grad_l2_by_param"].values())
        np.testing.assert_allclose(norms, expected, rtol=1e-6)


CPU = Machine(torch.device("cpu"))


def train(
    name: str,
    folder: Path,
    *,
    epochs: int = 4,
    save_minutes: float = 10,
    machine: Machine = CPU,
    penalty: dict | None = None,
    reference: Reference = NOTHING,
    **changes,
) -> None:
    """Train on random images with the stage's own loop; the states are in `folder`."""
    torch.manual_seed(2)
    data = store.Split(torch.randint(256, (IMAGES, 1, 32, 32), dtype=torch.uint8), torch.arange(IMAGES) % 10)
    facts = store.Facts("random", [0.5], [0.3], 32, 32, [str(i) for i in range(10)])
    settings = Settings.of(
        Network(name, 14, 0.0625, "batchnorm", seed=1),
        tiny_recipe(name, **changes),
        facts,
        epochs=epochs,
        images=IMAGES,
        engine="native",
        precision=machine.precision,
        code="",
        packages=(),
        penalty=penalty,
    )
    job.train(
        [0, epochs],
        settings=settings,
        data=data,
        folder=folder,
        machine=machine,
        reference=reference,
        save_minutes=save_minutes,
    )


def last_state(folder: Path) -> dict:
    """The newest training state in a folder."""
    content = max(folder.glob("state_*.pt")).read_bytes()
    return torch.load(io.BytesIO(content[32:]), weights_only=True)
