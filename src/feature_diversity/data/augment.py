"""Augmentation of a whole batch at once, each image with its own draws.

Images are float32 in 0 ... 1, N x C x H x W with C = 3 or, all grey, 1, on any device. Draws are made
on the CPU from the generator given, a few numbers an image, and sent along; nothing waits for the
device. What each function does to one image is what torchvision's function of that name does,
unless stated.
"""

import math

import torch
from torch import Tensor

from feature_diversity.compute.draws import rand, randint

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)  # what colour jitter changes
GREY = (0.2989, 0.587, 0.114)  # luma weights of torchvision and of ITU-R 601
BOXES = 3  # passes of a box that Pillow takes for a Gaussian


def uniform(shape: int | tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draw uniformly from [low, high): float32 on the CPU, the first dimension for the images."""
    return rand(shape, generator).mul_(high - low).add_(low)


def random_resized_crop(
    images: Tensor,
    generator: torch.Generator,
    *,
    size: int | None = None,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip_probability: float = 0.0,
) -> Tensor:
    """Crop a random part of each image, resize it (bilinear, antialiased), mirror some left to right.

    Rejected shapes are drawn again up to ten times, then the whole image is taken, as torchvision does for
    square images (Szegedy et al. 2015).

    Args:
        images: N x C x S x S.
        generator: of the draws.
        size: side of the square result; None for S.
        scale: range of the crop's area as a share of the image's.
        ratio: range of its width over its height, drawn log-uniformly.
        flip_probability: of an image being mirrored.

    Returns:
        N x C x size x size.

    Raises:
        ValueError: images that are not square.
    """
    count, _, height, width = images.shape
    size = size or height
    tries = 10
    area = uniform((count, tries), *scale, generator) * height * width
    shape = uniform((count, tries), math.log(ratio[0]), math.log(ratio[1]), generator).exp()
    crop_width = (area * shape).sqrt().round()
    crop_height = (area / shape).sqrt().round()
    fits = (crop_width > 0) & (crop_width <= width) & (crop_height > 0) & (crop_height <= height)
    first = fits.to(torch.int8).argmax(dim=1, keepdim=True)
    found = fits.any(dim=1)
    crop_width = torch.where(found, crop_width.gather(1, first)[:, 0], torch.tensor(float(width)))
    crop_height = torch.where(found, crop_height.gather(1, first)[:, 0], torch.tensor(float(height)))
    left = (uniform(count, 0, 1, generator) * (width - crop_width + 1)).floor()
    top = (uniform(count, 0, 1, generator) * (height - crop_height + 1)).floor()
    mirrored = rand(count, generator) < flip_probability
    return resized_crop(images, top, left, crop_height, crop_width, size, mirrored)


def resized_crop(
    images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, size: int, mirrored: Tensor
) -> Tensor:
    """Cut rectangles out of square images and resize them.

    Bilinear interpolation is linear in rows and in columns, so the whole batch is two matrix products, with
    one matrix of weights an image; mirroring reverses the columns' weights.

    Args:
        images: N x C x S x S.
        top: N, pixels, as are left, height and width.
        left: of the rectangles.
        height: of the rectangles.
        width: of the rectangles.
        size: side of the square result.
        mirrored: bool, N, on the CPU.

    Returns:
        N x C x size x size.

    Raises:
        ValueError: images that are not square.
    """
    _, _, pixels, across = images.shape
    if pixels != across:
        raise ValueError(f"images of {pixels} x {across} pixels are not square")
    weights = _resize_weights(
        torch.cat([top, left]),
        torch.cat([height, width]),
        pixels,
        size,
        torch.cat([torch.zeros_like(mirrored), mirrored]),
    )
    rows, columns = weights.to(images.device, non_blocking=True).split(len(images))
    return _separable(images, rows, columns)


def _separable(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Weigh each image's rows (N x S x H) and columns (N x T x W): N x C x S x T."""
    count, channels, height, width = images.shape
    tall, wide = rows.shape[1], columns.shape[1]
    narrow = torch.bmm(images.reshape(count, channels * height, width), columns.mT)
    narrow = (
        narrow.view(count, channels, height, wide).transpose(1, 2).reshape(count, height, channels * wide)
    )
    return torch.bmm(rows, narrow).view(count, tall, channels, wide).transpose(1, 2)


def _resize_weights(start: Tensor, length: Tensor, pixels: int, size: int, mirrored: Tensor) -> Tensor:
    """N x size x pixels: input pixels' shares in the output pixels of the crops [start, start + length)."""
    start, length = start[:, None, None], length[:, None, None]
    step = length / size
    output = (torch.arange(size) + 0.5).expand(len(start), -1)
    output = torch.where(mirrored[:, None], output.flip(1), output)[:, :, None]
    position = (torch.arange(pixels) + 0.5)[None, None, :]
    inside = ((position > start) & (position < start + length)).to(position.dtype)
    # in place: these N x size x pixels tensors, not the products with them, would take most of the time
    distance = (position - torch.addcmul(start, output, step)).abs_()
    weights = torch.sub(step.clamp(min=1), distance, out=distance).clamp_(min=0).mul_(inside)
    return weights.div_(weights.sum(dim=2, keepdim=True))


def mirror(images: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror left to right the images for which `mirrored` (bool, N, on the CPU) is true."""
    rows = torch.nonzero(mirrored).flatten().to(images.device, non_blocking=True)
    images = images.clone(memory_format=torch.contiguous_format)
    images[rows] = images[rows].flip(3)
    return images


def rotate(images: Tensor, quarter_turns: Tensor) -> Tensor:
    """Rotate each square image counterclockwise by 90 degrees x quarter_turns (integer, N, on the CPU)."""
    images = images.clone(memory_format=torch.contiguous_format)
    for turns in (1, 2, 3):
        rows = torch.nonzero(quarter_turns == turns).flatten().to(images.device, non_blocking=True)
        images[rows] = images[rows].rot90(turns, dims=(2, 3))
    return images


def random_patches(images: Tensor, generator: torch.Generator, *, grid: int, size: int) -> Tensor:
    """Cut each image into grid x grid cells and take a square patch at a random place in each cell.

    Args:
        images: N x C x S x S.
        generator: of the draws.
        grid: cells a side, of S // grid pixels.
        size: side of a patch in pixels.

    Returns:
        N x grid² x C x size x size; patch k is from column k // grid and row k % grid, VISSL's order.

    Raises:
        ValueError: a patch exceeds its cell.
    """
    room = images.shape[3] // grid - size
    if room < 0:
        raise ValueError(f"a patch of {size} pixels does not fit into a cell of {images.shape[3] // grid}")
    offsets = randint(0, max(room, 1), (len(images), grid * grid, 2), generator)
    return cut_patches(images, offsets, grid=grid, size=size)


def cut_patches(images: Tensor, offsets: Tensor, *, grid: int, size: int) -> Tensor:
    """Cut the patches of `random_patches` at given places.

    Args:
        images: N x C x S x S.
        offsets: int64, N x grid² x 2, pixels down and right in the cell.
        grid: cells a side.
        size: side of a patch in pixels.

    Returns:
        N x grid² x C x size x size.
    """
    count, pieces = offsets.shape[:2]
    cell = images.shape[3] // grid
    piece = torch.arange(pieces)
    pixels = torch.arange(size)
    rows = ((piece % grid * cell + offsets[:, :, 0])[:, :, None] + pixels).to(images.device)
    columns = ((piece // grid * cell + offsets[:, :, 1])[:, :, None] + pixels).to(images.device)
    image = torch.arange(count, device=images.device)[:, None, None, None]
    pixels_last = images.permute(0, 2, 3, 1)
    return pixels_last[image, rows[:, :, :, None], columns[:, :, None, :]].permute(0, 1, 4, 2, 3)


def shuffle_patches(patches: Tensor, orders: Tensor) -> Tensor:
    """Put patch orders[n, j] of image n into slot j.

    Args:
        patches: N x P x ...
        orders: int64, N x P.
    """
    image = torch.arange(len(patches), device=patches.device)[:, None]
    return patches[image, orders.to(patches.device, non_blocking=True)]


def colour_jitter(
    images: Tensor,
    generator: torch.Generator,
    *,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
    probability: float = 1.0,
) -> Tensor:
    """Change brightness, contrast, saturation and hue of each image, in an order drawn for each.

    Grey images (C = 1) have neither saturation nor hue.

    Args:
        images: N x C x H x W, 0 ... 1.
        generator: of the draws.
        brightness: reach of the factor around 1, drawn uniformly.
        contrast: likewise.
        saturation: likewise.
        hue: reach of the shift in turns, drawn uniformly.
        probability: of an image being changed at all.
    """
    count = len(images)
    reaches = (brightness, contrast, saturation)
    amounts = [uniform(count, max(0.0, 1 - reach), 1 + reach, generator) for reach in reaches]
    shift = uniform(count, -hue, hue, generator)
    order = rand((count, 4), generator).argsort(dim=1)
    changed = rand(count, generator) < probability

    # Images whose hue is changed at the same place of their order lie side by side, those left alone come
    # last. So all parts are slices, whose ends are known on the CPU: nothing waits for the device.
    place_of_hue = (order == HUE).to(torch.int8).argmax(dim=1).masked_fill(~changed, 4)
    rows = place_of_hue.argsort(stable=True)
    ends = [0, *place_of_hue.bincount(minlength=5).cumsum(0).tolist()]
    weights = _tone_weights(*amounts, grey=images.shape[1] == 1)
    weights = weights.gather(1, order[:, :, None].expand(-1, -1, 3))[rows]
    rows, back, weights, shift = (
        x.to(images.device, non_blocking=True) for x in (rows, rows.argsort(), weights, shift[rows])
    )
    images = images.index_select(0, rows)
    for place in range(4):
        for start, end in ((0, ends[place]), (ends[place + 1], ends[4])):
            if start < end:
                adjust_tone_(images[start:end], weights[start:end, place])
        if images.shape[1] == 3:
            turned = slice(ends[place], ends[place + 1])
            images[turned] = adjust_hue(images[turned], shift[turned])
    return images.index_select(0, back)


def random_grey(images: Tensor, generator: torch.Generator, *, probability: float) -> Tensor:
    """Take the colour out of each image with the given probability."""
    chosen = torch.nonzero(rand(len(images), generator) < probability).flatten()
    if images.shape[1] == 1:
        return images
    rows = chosen.to(images.device, non_blocking=True)
    images = images.clone(memory_format=torch.contiguous_format)
    return images.index_copy_(0, rows, grey(images.index_select(0, rows)).expand(-1, 3, -1, -1))


def grey(images: Tensor) -> Tensor:
    """Compute the luma of the images: N x 1 x H x W."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(dim=1)
    luma = (GREY[0] * red).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
    return luma.unsqueeze(1)


def adjust_tone_(images: Tensor, weights: Tensor) -> Tensor:
    """Mix each image, in its place, with its mean luma and with each pixel's luma, clipped to 0 ... 1.

    Args:
        images: N x C x H x W, changed in place.
        weights: N x 3; (f, 0, 0) for a brightness of f, (f, 1 - f, 0) for a contrast, (f, 0, 1 - f) for a
            saturation.
    """
    of_image, of_mean, of_pixel = weights.view(-1, 3, 1, 1, 1).unbind(dim=1)
    luma = grey(images)
    other = torch.addcmul(luma.mean(dim=(2, 3), keepdim=True) * of_mean, luma, of_pixel)
    return images.mul_(of_image).add_(other).clamp_(0, 1)


def _tone_weights(brightness: Tensor, contrast: Tensor, saturation: Tensor, *, grey: bool) -> Tensor:
    """Weights of `adjust_tone_` for the factors (each of shape N) of each kind of change: N x 4 x 3.

    A change of hue, and of the saturation of grey images, is none.
    """
    same, none = torch.ones_like(brightness), torch.zeros_like(brightness)
    saturation = same if grey else saturation
    kinds = {
        BRIGHTNESS: (brightness, none, none),
        CONTRAST: (contrast, 1 - contrast, none),
        SATURATION: (saturation, none, 1 - saturation),
        HUE: (same, none, none),
    }
    return torch.stack([torch.stack(kinds[kind], dim=1) for kind in range(4)], dim=1)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    factor = factor.view(-1, 1, 1, 1)
    return (images * factor).add_(other * (1 - factor)).clamp_(0, 1)


def adjust_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of the HSV representation.

    Without the six cases of HSV, since choosing by masks takes longer than arithmetic. In sixths of a turn,
    a hue is 1 + (green + blue - red - least) / chroma away from red, on the side of the greater of green and
    blue; and a channel is least + chroma x (2 - the hue's distance from that channel), clipped to 0 ... 1.

    Args:
        images: N x 3 x H x W, 0 ... 1.
        shift: N, full turns.
    """
    red, green, blue = images.split(1, dim=1)
    least = images.amin(dim=1, keepdim=True)
    chroma = images.amax(dim=1, keepdim=True).sub_(least)
    sixths = (green - red).add_(blue - least).div_(chroma.clamp(min=1e-12)).add_(1)
    turns = sixths.copysign_(green - blue).div_(6).add_(shift.view(-1, 1, 1, 1))
    # two turns more, so that fractions are of positive numbers
    places = torch.tensor([2, 2 - 1 / 3, 2 - 2 / 3]).view(-1, 1, 1).to(images.device, non_blocking=True)
    # 2 - distance, in sixths: at a fraction of 0 or 1 there is none, at 1/2 it is 3
    share = (turns + places).frac_().sub_(0.5).abs_().mul_(6).sub_(1).clamp_(0, 1)
    return torch.addcmul(least, chroma, share, out=share)


def photometric(images: Tensor, generator: torch.Generator, *, probability: float) -> Tensor:
    """Posterize, sharpen, solarize and stretch the contrast of each image, as PIRL does.

    All four or, with 1 - probability, none. Ranges are VISSL's (ImgPilRandomPhotometric).
    """
    count = len(images)
    bits = randint(4, 9, (count,), generator)
    sharpness = uniform(count, 0.1, 1.9, generator)
    threshold = randint(0, 257, (count,), generator) / 255
    rows = torch.nonzero(rand(count, generator) < probability).flatten()
    bits, sharpness, threshold = (
        amount[rows].to(images.device, non_blocking=True) for amount in (bits, sharpness, threshold)
    )
    rows = rows.to(images.device, non_blocking=True)
    x = adjust_sharpness(posterize(images[rows], bits), sharpness)
    images = images.clone(memory_format=torch.contiguous_format)
    images[rows] = autocontrast(solarize(x, threshold))
    return images


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` (integer, N, 1 ... 8) of the eight of each value, rounded to 1/255 first."""
    step = (2 ** (8 - bits)).view(-1, 1, 1, 1)
    return (images * 255).round_().div_(step).floor_().mul_(step).div_(255)


def adjust_sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Move each image from (factor > 1) or to (< 1) itself smoothed over 3 x 3 pixels, its edges kept."""
    smooth = images.clone(memory_format=torch.contiguous_format)
    inner = torch.nn.functional.avg_pool2d(images, 3, stride=1) * 9 + 4 * images[:, :, 1:-1, 1:-1]
    smooth[:, :, 1:-1, 1:-1] = inner / 13  # weights 1 around 5
    return _blend(images, smooth, factor)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the values from threshold (N) on."""
    return torch.where(images >= threshold.view(-1, 1, 1, 1), 1 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel of each image to 0 ... 1; a channel of one value stays."""
    low = images.amin(dim=(2, 3), keepdim=True)
    high = images.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp(min=1e-12), images)


def gaussian_blur(
    images: Tensor, generator: torch.Generator, *, probability: float, radius: tuple[float, float]
) -> Tensor:
    """Blur images as Pillow's `GaussianBlur` does, which VISSL uses: three passes of a box each way.

    Pillow rounds after every pass, and this does not.

    Args:
        images: N x C x H x W, of any size.
        generator: draws, for each image, whether it is blurred and its radius.
        probability: share of the images that are blurred.
        radius: lowest and highest deviation of the Gaussian that the boxes stand for, in pixels.

    Returns:
        Images of the same shape; those that are not blurred keep their bits.
    """
    count, _, height, width = images.shape
    deviation = uniform(count, *radius, generator)
    rows = torch.nonzero(rand(count, generator) < probability).flatten()
    if not len(rows):
        return images
    deviation = deviation[rows].to(images.device, non_blocking=True)
    rows = rows.to(images.device, non_blocking=True)
    vertical, horizontal = (_blur_weights(deviation, pixels, radius[1]) for pixels in (height, width))
    images = images.clone(memory_format=torch.contiguous_format)
    images[rows] = _separable(images[rows], vertical, horizontal)
    return images


def _blur_weights(deviation: Tensor, pixels: int, widest: float) -> Tensor:
    """N x pixels x pixels: share of each input pixel in each output pixel, edges repeated before each pass.

    widest: the largest that a deviation can be. The box of one pass has a fractional width, so that three of
    them have the Gaussian's variance (Gwosdek et al. 2011, "Theoretical foundations of Gaussian convolution
    by extended box filtering").
    """
    variance = deviation**2 / BOXES
    whole = (((12 * variance + 1).sqrt() - 1) / 2).floor()  # pixels on each side that count in full
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) / (6 * (variance - (whole + 1) ** 2))
    reach = int((math.sqrt(12 * widest**2 / BOXES + 1) + 1) / 2)
    offsets = torch.arange(-reach, reach + 1, device=deviation.device)
    beyond = offsets.abs() - whole[:, None]
    box = torch.where(beyond <= 0, 1, torch.where(beyond == 1, part[:, None], 0))
    box = box / (2 * (whole + part) + 1)[:, None]
    source = torch.arange(pixels, device=deviation.device)[:, None] + offsets
    source = source.clamp_(0, pixels - 1).expand(len(deviation), -1, -1)
    once = torch.zeros(len(deviation), pixels, pixels, device=deviation.device)
    once.scatter_add_(2, source, box[:, None, :].expand(-1, pixels, -1))
    return torch.bmm(torch.bmm(once, once), once)
