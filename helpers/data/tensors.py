"""Images as tensors: one byte a value until a batch needs floats."""

import numpy as np
import torch


def to_tensor(images):
    """Images, uint8 (N, H, W, 3) or (N, H, W), as a tensor that still takes one byte a value.

    It is (N, 3, H, W) or (N, 1, H, W), channels last in memory.
    """
    images = np.array(images)  # a copy: torch does not take read-only memory maps
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            "images must be uint8 of shape (N, H, W, 3) or (N, H, W), "
            f"got {images.dtype} of shape {images.shape}"
        )
    if images.ndim == 3:
        images = images[..., None]
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def to_unit(images):
    """uint8 images 0..255 -> float32 images in [0, 1]; shape and memory layout stay."""
    return images / 255  # in one step: a copy in float would take as much memory again


def random_flip(images):
    """Mirror each image of (B, C, H, W) left to right with probability one half."""
    flip = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(flip, images.flip(-1), images)


def as_floats(x):
    """uint8 images as floats in [0, 1]; floats, such as codes, as they are."""
    return to_unit(x) if x.dtype == torch.uint8 else x
