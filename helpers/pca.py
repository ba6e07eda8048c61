"""Principal components of faces: the yardstick, and where the networks start."""

import numpy as np
from sklearn.decomposition import PCA

from helpers.training import to_unit


def fit_pca(images, components, seed=42):
    """Fit PCA on images and their mirror images (scikit-learn's, randomised solver).

    Parameters
    ----------
    images : uint8 tensor (N, C, H, W)
    components : int, at most twice the number of images and at most C * H * W
    seed : int, of the solver

    Returns
    -------
    sklearn.decomposition.PCA over vectors of C * H * W float32 values in [0, 1]

    Raises
    ------
    ValueError : if so many components cannot be had from so few images.
    """
    most = min(2 * len(images), images[0].numel())
    if not 1 <= components <= most:
        raise ValueError(f"components must be from 1 to {most} here, got {components}")
    vectors = to_unit(images).flatten(1).numpy()
    mirrored = to_unit(images.flip(-1)).flatten(1).numpy()
    solver = PCA(components, svd_solver="randomized", random_state=seed)
    return solver.fit(np.concatenate([vectors, mirrored]))
