"""The labels of digits, as models are told them."""

import torch

from helpers.system.validation import describe


def as_labels(labels, count=None):
    """Labels from 0 to 9 as an int64 tensor (N,): a number, a list or a tensor of them.

    With `count`, there must be so many, and a single number is the label of all rows. Else a
    ValueError: a tensor of one label would silently serve many digits.
    """
    found = torch.as_tensor(labels)
    if found.ndim == 0:
        found = found.expand(1 if count is None else count)
    whole = torch.can_cast(found.dtype, torch.int64)
    if found.ndim != 1 or count not in (None, len(found)) or not whole:
        wanted = "integers" if count is None else f"{count} integers, one for each row"
        raise ValueError(f"labels must be {wanted}, got {describe(labels)}")
    if len(found) and (found.min() < 0 or found.max() > 9):
        raise ValueError(
            f"labels must be from 0 to 9, got {found.min().item()} to {found.max().item()}"
        )
    return found.long()
