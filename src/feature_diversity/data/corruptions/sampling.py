"""Images moved, smoothed and zoomed: what several corruptions are made of."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def sampled(x: Tensor, rows: Tensor, columns: Tensor, edge: str) -> Tensor:
    """Interpolate images bilinearly.

    Args:
        x: N x C x H x W.
        rows: where to look, in pixels from the first, N x H' x W' or such as broadcasts to it.
        columns: likewise.
        edge: beyond the images, "border" repeats their last pixels, "reflection" mirrors at these.

    Returns:
        N x C x H' x W'.
    """
    height, width = x.shape[2:]
    rows, columns = torch.broadcast_tensors(2 * rows / (height - 1) - 1, 2 * columns / (width - 1) - 1)
    places = torch.stack([columns, rows], dim=-1).expand(len(x), -1, -1, -1)
    return F.grid_sample(x, places.to(x.dtype), padding_mode=edge, align_corners=True)


def pixels(x: Tensor) -> tuple[Tensor, Tensor]:
    """The row and the column of each pixel of images, H x 1 and W, floating."""
    height, width = x.shape[2:]
    return torch.arange(height, dtype=x.dtype)[:, None], torch.arange(width, dtype=x.dtype)


def filtered(x: Tensor, kernel: Tensor, edge: str) -> Tensor:
    """Correlate every channel of images, N x C x H x W, with a kernel of odd sides.

    Args:
        x: the images.
        kernel: K x L.
        edge: "replicate" or "reflect", as `F.pad` takes it.
    """
    margin = [size // 2 for size in kernel.shape]
    single = x.flatten(0, 1)[:, None]
    padded = F.pad(single, (margin[1], margin[1], margin[0], margin[0]), mode=edge)
    return F.conv2d(padded, kernel[None, None].to(x.dtype)).view_as(x)


def smoothed(x: Tensor, sigma: float, *, truncate: float, edge: str) -> Tensor:
    """Blur images by a Gaussian of so many pixels, cut off at `truncate` times as many."""
    radius = int(truncate * sigma + 0.5)
    if not radius:
        return x
    line = bell(torch.arange(-radius, radius + 1), sigma)
    return filtered(filtered(x, line[None], edge), line[:, None], edge)


def bell(distances: Tensor, sigma: float) -> Tensor:
    """A Gaussian's values at these distances, scaled to the sum 1."""
    values = torch.exp(-distances.double().square() / (2 * sigma**2))
    return values / values.sum()


def streaked(x: Tensor, angles: Tensor, radius: int, sigma: float) -> Tensor:
    """Blur each image along a line, to one side, with half of a Gaussian's weights.

    So does ImageMagick's motion blur, but that it takes the pixel nearest to a place on the line, not the
    value interpolated there.

    Args:
        x: N x C x H x W.
        angles: N, in degrees, clockwise from the direction of columns.
        radius: in pixels; the line is twice as long.
        sigma: of the Gaussian, in pixels.
    """
    rows, columns = pixels(x)
    angles = torch.deg2rad(angles)[:, None, None]
    result = torch.zeros_like(x)
    for distance, weight in enumerate(bell(torch.arange(2 * radius + 1), sigma).tolist()):
        places = rows + distance * angles.sin(), columns + distance * angles.cos()
        result += weight * sampled(x, *places, "border")
    return result


def zoomed(x: Tensor, factor: float) -> Tensor:
    """The middle of square images, enlarged by a factor to their size."""
    side = x.shape[2]
    kept = math.ceil(side / factor)
    enlarged = round(kept * factor)
    first = (side - kept) // 2
    steps = torch.arange(side, dtype=x.dtype) + (enlarged - side) // 2
    places = first + steps * (kept - 1) / (enlarged - 1)
    return sampled(x, places[:, None], places, "border")
