"""A penalty in a training: what it sees of a step, the gradient that it adds, what the history keeps."""

import math
import statistics
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm
from feature_diversity.base.errors import InputError
from feature_diversity.base.history import PENALTY_COLUMNS
from feature_diversity.base.layers import LAYERS
from feature_diversity.compute.draws import generator
from feature_diversity.compute.ranks import gather
from feature_diversity.measures.uniform_sphere import expectation
from feature_diversity.networks.resnet import ResNet
from feature_diversity.training.penalties import placebo, set_point
from feature_diversity.training.penalties.directions import pooled
from feature_diversity.training.penalties.energy import energy
from feature_diversity.training.penalties.koleo import koleo
from feature_diversity.training.penalties.mean_direction import mean_direction
from feature_diversity.training.penalties.reference import Reference
from feature_diversity.training.penalties.uniformity import uniformity
from feature_diversity.training.penalties.variance_covariance import variance_covariance
from feature_diversity.training.penalties.weight_energy import weight_energy

OF_FEATURES = {
    "uniformity": uniformity,
    "koleo": koleo,
    "variance_covariance": variance_covariance,
    "mean_direction": mean_direction,
}


class Penalty:
    """A term on the pooled features of a layer, one view an image, of all ranks together.

    What counts is its gradient on these features: along a lever's, or a placebo's direction. Of a set point
    it is as long as that of kappa (x - (1 - delta))² through the energy, whatever the lever.

    Args:
        what: as `options.check` lets it pass.
        reference: what it needs of another training.
        seed: of a placebo's draws.
        trunk: whose layers are seen, when it computes.
        algorithm: whose head is seen.
        patches: that an image may come in; 0 if in none. The trunk has them image by image.
    """

    def __init__(
        self,
        what: dict[str, Any],
        reference: Reference,
        *,
        seed: int,
        trunk: ResNet,
        algorithm: Algorithm,
        patches: int,
    ):
        self.what, self.reference, self.seed = what, reference, seed
        self.seen: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
        self.steps: list[list[float] | Tensor] = []
        self.patches = patches
        # bn1's output becomes the layer conv1 in place, by the ReLU
        stages = [trunk.bn1, trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4, trunk, algorithm.head]
        for layer, module in zip(LAYERS, stages, strict=True):
            module.register_forward_hook(partial(self._see, layer))
        whose = dict(zip(LAYERS, stages, strict=True)) | {"conv1": trunk.conv1, "trunk": trunk.layer4}
        self.weights = [weight for weight in whose[what["layer"]].parameters() if weight.ndim > 1]

    def _see(self, layer: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        if torch.is_grad_enabled():
            self.seen[layer].append(output)

    def term(self, images: int, epoch: int, step: int) -> Tensor:
        """Compute a scalar that has the penalty's gradient, and forget the step's features.

        Args:
            images: of this rank's part of the batch.
            epoch: from 0 on.
            step: from 0 on.
        """
        features = {layer: self._one_view(outputs, images) for layer, outputs in self.seen.items() if outputs}
        self.seen = {layer: [] for layer in LAYERS}
        z = gather(features[self.what["layer"]])
        with torch.no_grad():
            energies = [
                excess(gather(features[layer])) if layer in features else z.new_tensor(math.nan)
                for layer in LAYERS
            ]
            dead = (z == 0).all(dim=0).double().mean()
        value, gradient, term = self._pull(z, energies[LAYERS.index(self.what["layer"])], epoch, step)
        self.steps.append(torch.stack([*energies, dead, value, gradient.norm()]).detach().double())
        return term

    def _one_view(self, outputs: list[Tensor], images: int) -> Tensor:
        """Pooled features of the first view of every image; of several inputs, of that with the fewest."""
        z = min(outputs, key=len)
        z = z[:: self.patches] if len(z) == self.patches * images else z[:images]
        return pooled(z)

    def _pull(self, z: Tensor, excess: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The penalty's value, its gradient on features (or weights), and a scalar that has the gradient."""
        what, nothing = self.what, z.new_zeros(())
        if "placebo" in what:
            draws = generator(self.seed, "placebo", epoch, step)
            if what["placebo"] == "rotation":
                direction = placebo.rotation(z, draws)
            else:
                direction = placebo.random_direction(gradient_of(energy, z)[1], z, draws)
            gradient = placebo.of_norm(direction, self.reference.norms[epoch][step])
            return nothing, gradient, (z * gradient).sum()
        if what.get("weight") == 0:
            return nothing, nothing, nothing
        of_weights = what["lever"] == "weight_energy"
        if "weight" in what:
            strength, value = what["weight"], None
        else:
            untreated = self.reference.excess[epoch]
            dose = excess / untreated, what["delta"], what["kappa"]
            strength, value = set_point.slope(*dose), set_point.penalty(*dose)
        if of_weights:
            lever = weight_energy(self.weights, what.get("s", 1))
            gradients = torch.autograd.grad(lever, self.weights, retain_graph=True)
            gradient = strength * torch.cat([part.flatten() for part in gradients])
            return strength * lever if value is None else value, gradient, strength * lever
        powered = partial(energy, s=what.get("s", 1))
        lever, along = gradient_of(OF_FEATURES.get(what["lever"], powered), z)
        if value is None:
            gradient, value = strength * along, strength * lever
        else:
            norm = gradient_of(energy, z)[1].norm() / untreated
            gradient = placebo.of_norm(along, strength * norm)
        return value, gradient, (z * gradient).sum()

    def read(self) -> list[list[float]]:
        """What was seen in the steps of the present epoch, as numbers; waits for the device."""
        known = [row for row in self.steps if isinstance(row, list)]
        waiting = self.steps[len(known) :]
        if waiting:
            known += torch.stack(waiting).tolist()
        self.steps = known
        return known

    def check(self, steps: int) -> None:
        """InputError, naming the first of so many steps whose penalty or its gradient was not finite."""
        for step, (*_, value, norm) in enumerate(self.read()[:steps], start=1):
            if not (math.isfinite(value) and math.isfinite(norm)):
                raise InputError(
                    f"the penalty on {self.what['layer']} became {value}, its gradient {norm}, in step "
                    f"{step} of the epoch; the state saved before is kept. A lower kappa or weight may help."
                )

    def restore(self, steps: list[list[float]]) -> None:
        """Go back to what `read` gave."""
        self.steps = steps

    def finish_epoch(self) -> dict[str, float | str]:
        """The epoch's part of the history, by PENALTY_COLUMNS; begin the next epoch."""
        columns = list(zip(*self.read(), strict=True))
        self.steps = []
        row = [statistics.fmean(column) for column in columns[:-1]]
        return dict(zip(PENALTY_COLUMNS, [*row, " ".join(map(repr, columns[-1]))], strict=True))


def excess(z: Tensor) -> Tensor:
    """Compute how far the energy of features, s = 1, is above that of uniform directions.

    Args:
        z: N x D.

    Returns:
        A scalar; nan where uniform directions have no finite energy, D <= 2.
    """
    uniform = expectation(z.shape[1], 1)
    return energy(z) - uniform if math.isfinite(uniform) else z.new_tensor(math.nan)


def gradient_of(lever: Any, z: Tensor) -> tuple[Tensor, Tensor]:
    """Compute a lever and its gradient on features, both without a graph.

    Args:
        lever: features -> scalar.
        z: N x D.

    Returns:
        A scalar and N x D.
    """
    with torch.enable_grad():
        free = z.detach().requires_grad_()
        value = lever(free)
    return value.detach(), torch.autograd.grad(value, free)[0]
