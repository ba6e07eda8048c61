"""Principal components of faces: the yardstick, and where the networks start."""

import numpy as np
import torch
from sklearn.decomposition import PCA

from helpers import validation


def fit_pca(images, components, seed=42):
    """Fit PCA on images and their mirror images (scikit-learn's, randomised solver).

    Parameters
    ----------
    images : uint8 tensor (N, C, H, W)
    components : int, at most twice the number of images and at most C * H * W
    seed : int from 0 to 2**32 - 1, of the solver

    Returns
    -------
    sklearn.decomposition.PCA over vectors of C * H * W float32 values in [0, 1]

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, or so many components cannot be had
        from so few images.
    """
    validation.kinds(torch.Tensor, "a uint8 tensor (N, C, H, W)", images=images)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
        wanted = "images must be a uint8 tensor (N, C, H, W) with at least one image"
        raise ValueError(f"{wanted}, got {validation.describe(images)}")
    validation.integers(0, seed=seed)
    validation.integers(1, components=components)
    most = min(2 * len(images), images[0].numel())
    if components > most:
        raise ValueError(f"components must be at most {most} here, got {components}")
    vectors = torch.cat([images, images.flip(-1)]).flatten(1).cpu().numpy().astype(np.float32)
    vectors /= 255  # in place, as is all that follows: a copy would take another gigabyte
    solver = PCA(components, svd_solver="randomized", random_state=seed, copy=False)
    return solver.fit(vectors)
