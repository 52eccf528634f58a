"""The one list of corruptions, and images corrupted by one of them."""

from collections.abc import Callable

import torch
from torch import Tensor

from feature_diversity.data.corruptions import blur, digital, noise, weather

SIDE = 32  # pixels, of the images that the constants are for

CORRUPTIONS: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": blur.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "snow": weather.snow,
    "fog": weather.fog,
    "brightness": weather.brightness,
    "contrast": digital.contrast,
    "elastic_transform": digital.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": digital.jpeg_compression,
}


def corrupt(images: Tensor, name: str, severity: int, draws: torch.Generator) -> Tensor:
    """Corrupt images.

    Args:
        images: uint8, N x C x 32 x 32, C = 1 or 3, on the CPU.
        name: of `CORRUPTIONS`.
        severity: 1 to 5.
        draws: of all that is random, for the images in their order.

    Returns:
        uint8, the same shape.
    """
    changed = CORRUPTIONS[name](images.to(torch.float32) / 255, severity, draws)
    return (255 * changed).round_().clamp_(0, 255).to(torch.uint8)
