"""The most probable rectangle, given how probable each pixel is to be in one."""

import torch
from torch.nn import functional as F


def likeliest_rectangle(logits):
    """The rectangle of pixels with the largest sum of logits, for each of (B, 1, 64, 64).

    A bool tensor of that shape, True inside. Where pixels err independently, it is the most
    probable one. For every pair of rows, the best pair of columns is found in one pass (Kadane's
    algorithm).
    """
    above = F.pad(logits[:, 0].cumsum(1), (0, 0, 1, 0))  # (B, 65, 64): sums of the rows above
    ordered = torch.ones(65, 65, device=logits.device).triu(1)[:, :, None]  # top above bottom
    inside = (above[:, None] - above[:, :, None]) * ordered  # (B, top, bottom, 64)
    before = F.pad(inside.cumsum(3), (1, 0))  # (B, top, bottom, 65): sums of the columns before
    lowest, left = before.cummin(3)
    best = (before - lowest).flatten(1).argmax(1)
    top, bottom, right = torch.unravel_index(best, before.shape[1:])
    left = left[torch.arange(len(best)), top, bottom, right]
    pixel = torch.arange(64, device=logits.device)
    rows = (pixel >= top[:, None]) & (pixel < bottom[:, None])  # (B, 64)
    columns = (pixel >= left[:, None]) & (pixel < right[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]
