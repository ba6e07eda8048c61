"""The labels of digits, as models are told them."""

from helpers.system.validation import describe


def checked(labels, count):
    """Labels as an int64 tensor (count,), if they are `count` integers from 0 to 9.

    Else a ValueError: one label for many digits would silently serve all of them.
    """
    if labels.shape != (count,) or labels.is_floating_point() or labels.is_complex():
        raise ValueError(
            f"labels must be {count} integers, one for each row, got {describe(labels)}"
        )
    if count and (labels.min() < 0 or labels.max() > 9):
        raise ValueError(
            f"labels must be from 0 to 9, got {labels.min().item()} to {labels.max().item()}"
        )
    return labels.long()
