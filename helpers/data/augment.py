"""Random changes of images that leave what they show as it is: augmentation for `fit`."""

import torch
from torch.nn import functional as F


def jitter(x, turn=0.2, size=0.1, shift=0.1):
    """Turn, resize and shift each image of (B, C, H, W) at random, by uniformly drawn amounts.

    By at most `turn` radians in both directions, such a share as `size`, and such a share of half
    the width, and of half the height, as `shift`. What comes in from outside is 0.
    """
    a, s, dx, dy = (2 * torch.rand(4, len(x), device=x.device) - 1) * torch.tensor(
        [[turn], [size], [shift], [shift]], device=x.device
    )
    cos, sin = (1 + s) * a.cos(), (1 + s) * a.sin()
    maps = torch.stack([cos, -sin, dx, sin, cos, dy], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(maps, x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)
