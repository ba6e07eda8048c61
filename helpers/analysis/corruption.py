"""What the denoising and de-occlusion experiments do to clean images."""

import torch

from helpers.system import validation


def add_noise(images, sigma, generator=None):
    """Add Gaussian noise to images (B, C, H, W) in [0, 1] and clip, as a camera would.

    Parameters
    ----------
    sigma : float >= 0, or (low, high) for a strength drawn anew for every image
        Standard deviation in units of the image's range.
    generator : torch.Generator on the device of `images`, or None
    """
    validation.images(0, 1, images=images)
    low, high = sigma if isinstance(sigma, (tuple, list)) else (sigma, sigma)
    strength = _uniform(len(images), low, high, images, generator).view(-1, 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + strength * noise).clamp(0, 1)


def occlude(images, share=(0.2, 0.4), generator=None):
    """Cover one random rectangle of every image, by the toss of a coin with grey or with noise.

    Parameters
    ----------
    images : float tensor (B, C, H, W) in [0, 1]
    share : (low, high) from 0.01 to 1, the rectangle's sides as shares of the image's, each drawn
        by itself
    generator : torch.Generator on the device of `images`, or None

    Returns
    -------
    occluded : float tensor like `images`
    mask : bool tensor (B, 1, H, W), True inside the rectangle
    """
    validation.images(0, 1, images=images)
    count, _, height, width = images.shape
    rows = _spans(count, height, *share, images, generator)
    columns = _spans(count, width, *share, images, generator)
    mask = (rows[:, :, None] & columns[:, None, :])[:, None]
    noise = torch.rand(images.shape, generator=generator, device=images.device)
    coin = _uniform(count, 0, 1, images, generator).view(-1, 1, 1, 1)
    return torch.where(mask, torch.where(coin < 0.5, noise, 0.5), images), mask


def _uniform(count, low, high, images, generator):
    return low + (high - low) * torch.rand(count, generator=generator, device=images.device)


def _spans(count, size, low, high, images, generator):
    """(count, size) masks of one run each, `low` to `high` of the size long."""
    length = (size * _uniform(count, low, high, images, generator)).round().clamp(min=1)
    start = (_uniform(count, 0, 1, images, generator) * (size - length + 1)).floor()
    pixel = torch.arange(size, device=images.device)
    return (pixel >= start[:, None]) & (pixel < (start + length)[:, None])
