"""Images that are no faces, to see what a model of faces makes of them."""

import numpy as np
import torch
from torch.nn import functional as F

from helpers.data.tensors import to_tensor, to_unit


def cut_up(images, seed=42):
    """Sixteen squares of each image (N, C, 64, 64), in another order, the same for all."""
    squares = F.unfold(images, 16, stride=16)  # (N, C * 16 * 16, 16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
    return F.fold(squares[:, :, order], (64, 64), 16, stride=16)


def pieces(photo, count, seed=42):
    """Random squares of 128 pixels from a photograph, every second pixel of them.

    `photo` is uint8 (H, W) or (H, W, 3), of at least 128x128 pixels; float (count, 3, 64, 64) in
    [0, 1].
    """
    photo = np.broadcast_to(np.atleast_3d(photo), (*photo.shape[:2], 3))
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, [side - 127 for side in photo.shape[:2]], (count, 2))
    squares = [photo[y : y + 128 : 2, x : x + 128 : 2] for y, x in corners]
    return to_unit(to_tensor(np.stack(squares)))
