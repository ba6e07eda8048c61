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
    top, bottom = torch.triu_indices(65, 65, 1, device=logits.device)  # all pairs of rows
    inside = above[:, bottom] - above[:, top]  # (B, pairs, 64)
    before = F.pad(inside.cumsum(2), (1, 0))  # (B, pairs, 65): sums of the columns before
    lowest, left = before.cummin(2)
    best = (before - lowest).flatten(1).argmax(1)
    pair, right = best // 65, best % 65
    left = left[torch.arange(len(best)), pair, right]
    pixel = torch.arange(64, device=logits.device)
    rows = (pixel >= top[pair, None]) & (pixel < bottom[pair, None])  # (B, 64)
    columns = (pixel >= left[:, None]) & (pixel < right[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]
