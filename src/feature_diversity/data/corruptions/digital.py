"""Digital: contrast, elastic deformation, coarse pixels and JPEG."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from feature_diversity.data.corruptions.sampling import pixels, sampled, smoothed

CONTRASTS = (0.75, 0.5, 0.4, 0.3, 0.15)
# Amplitude and smoothness of the displacements, and how far corners of the image move: all x its side
ELASTIC = ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
COARSER = (0.95, 0.9, 0.85, 0.75, 0.65)  # pixels along a side
QUALITIES = (80, 65, 58, 50, 40)


def contrast(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Draw each channel to its mean over the image."""
    mean = x.mean(dim=(2, 3), keepdim=True)
    return mean + CONTRASTS[severity - 1] * (x - mean)


def elastic_transform(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Map three points of the image elsewhere, affinely, and then displace each pixel by a smooth field."""
    side = x.shape[2]
    amplitude, sigma, corner = (side * constant for constant in ELASTIC[severity - 1])
    centre, third = side // 2, side // 3
    given = torch.tensor([[1, 1], [1, -1], [-1, -1]]) * third + centre
    moved = given + corner * (2 * torch.rand((len(x), 3, 2), generator=draws) - 1)
    homogeneous = torch.cat([moved, moved.new_ones(len(x), 3, 1)], dim=2)
    back = torch.linalg.solve(homogeneous, given.to(moved.dtype).expand(len(x), -1, -1))  # N x 3 x 2
    rows, columns = pixels(x)
    first, second, shift = back[:, :, :, None, None].unbind(dim=1)  # each N x 2 x 1 x 1: of column, of row
    places = first * columns + second * rows + shift
    x = sampled(x, places[:, 1], places[:, 0], "reflection")
    if not amplitude:
        return x
    field = 2 * torch.rand((len(x), 2, side, side), generator=draws) - 1
    field = amplitude * smoothed(field, sigma, truncate=3, edge="reflect")
    return sampled(x, rows + field[:, 1], columns + field[:, 0], "reflection")


def pixelate(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Shrink by means over areas and enlarge by repeating pixels."""
    side = x.shape[2]
    fewer = int(side * COARSER[severity - 1])

    def change(image: Image.Image) -> Image.Image:
        small = image.resize((fewer, fewer), Image.Resampling.BOX)
        return small.resize((side, side), Image.Resampling.BOX)

    return _one_by_one(x, change)


def jpeg_compression(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Save as JPEG and read again."""

    def change(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=QUALITIES[severity - 1])
        return Image.open(file)

    return _one_by_one(x, change)


def _one_by_one(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """The images after each was changed as a picture of Pillow's, grey or in colour."""
    bytes_of = (255 * x).round().to(torch.uint8).permute(0, 2, 3, 1).squeeze(3).numpy()
    changed = np.stack([np.asarray(change(Image.fromarray(image))) for image in bytes_of])
    return torch.from_numpy(changed).view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2).to(x.dtype) / 255
