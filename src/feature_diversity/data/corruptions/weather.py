"""Weather: snow, fog and light. Frost lays photographs of frost over the image, and is left out."""

import torch
from torch import Tensor

from feature_diversity.data.corruptions.sampling import streaked, zoomed

# Mean and deviation of the flakes' field, its zoom, the threshold of a flake, radius and sigma of its streak,
# and how much of the image's own colours stays
SNOW = (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
)
FOG = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))  # how dense, and how smooth
BRIGHTER = (0.05, 0.1, 0.15, 0.2, 0.3)
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601


def snow(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Bleach the image, and let streaks of flakes fall before it, as they are and upside down."""
    mean, deviation, factor, threshold, radius, sigma, own = SNOW[severity - 1]
    flakes = mean + deviation * torch.randn((len(x), 1, *x.shape[2:]), generator=draws)
    flakes = zoomed(flakes, factor)
    flakes = torch.where(flakes < threshold, 0, flakes).clamp(0, 1)
    angles = -135 + 90 * torch.rand(len(x), generator=draws)
    flakes = streaked(flakes, angles, radius, sigma)
    x = own * x + (1 - own) * torch.maximum(x, 1.5 * grey(x) + 0.5)
    return x + flakes + flakes.rot90(2, (2, 3))


def fog(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Add a plasma, then darken all to the image's own maximum."""
    dense, decay = FOG[severity - 1]
    brightest = x.amax(dim=(1, 2, 3), keepdim=True)
    mist = plasma(len(x), x.shape[2], decay, draws)[:, None]
    return (x + dense * mist) * brightest / (brightest + dense)


def brightness(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Add to the value of hue, saturation and value, up to 1."""
    value = x.amax(dim=1, keepdim=True)
    brighter = (value + BRIGHTER[severity - 1]).clamp(max=1)
    return torch.where(value > 0, x * brighter / value.clamp(min=1e-6), brighter)


def grey(x: Tensor) -> Tensor:
    """The luma of images, N x 1 x H x W; grey images as they are."""
    if x.shape[1] == 1:
        return x
    return (x * torch.tensor(LUMA, dtype=x.dtype).view(-1, 1, 1)).sum(dim=1, keepdim=True)


def plasma(count: int, side: int, decay: float, draws: torch.Generator) -> Tensor:
    """Clouds by the diamond-square algorithm on a torus, scaled to 0 ... 1.

    Args:
        count: how many.
        side: in pixels, a power of two.
        decay: of the square root of the noise, from one octave to the next.
        draws: of the noise.

    Returns:
        N x side x side.
    """
    field = torch.zeros(count, side, side)
    amplitude, step = 1.0, side
    while step >= 2:
        half = step // 2
        corners = field[:, ::step, ::step]

        def mean(total: Tensor, amplitude: float = amplitude) -> Tensor:
            return total / 4 + amplitude * (2 * torch.rand(total.shape, generator=draws) - 1)

        pairs = corners + corners.roll(-1, 1)
        centres = mean(pairs + pairs.roll(-1, 2))
        field[:, half::step, half::step] = centres
        field[:, ::step, half::step] = mean(centres + centres.roll(1, 1) + corners + corners.roll(-1, 2))
        field[:, half::step, ::step] = mean(centres + centres.roll(1, 2) + corners + corners.roll(-1, 1))
        amplitude, step = amplitude / decay**2, half
    low, high = field.amin(dim=(1, 2), keepdim=True), field.amax(dim=(1, 2), keepdim=True)
    return (field - low) / (high - low)
