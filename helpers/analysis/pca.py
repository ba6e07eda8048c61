"""Principal components of faces: the yardstick, and where the networks start."""

import hashlib
from importlib.metadata import version

import numpy as np
import torch
from sklearn.decomposition import PCA

import get_dataset
from helpers.data.cache import prepared
from helpers.system import validation


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
    _check(images, components, seed)
    vectors = torch.cat([images, images.flip(-1)]).flatten(1).cpu().numpy().astype(np.float32)
    vectors /= 255  # in place, as is all that follows: a copy would take another gigabyte
    return _solver(components, seed).fit(vectors)


def load_or_fit_pca(images, components, seed=42):
    """`fit_pca`, kept in `get_dataset.CACHE_DIRS`: the same call is quick from then on.

    Parameters
    ----------
    images, components, seed : as `fit_pca` takes them

    Returns
    -------
    sklearn.decomposition.PCA, as `fit_pca` returns it

    Raises
    ------
    TypeError, ValueError : as `fit_pca` does.
    OSError : if nothing can be kept, or the disk is full.
    """
    _check(images, components, seed)

    def build(folder):
        fitted = vars(fit_pca(images, components, seed))
        np.savez(folder / "pca.npz", **{name: fitted[name] for name in fitted if name[-1] == "_"})

    made_from = {
        "what": "images and their mirror images",
        "images": [*images.shape, hashlib.sha256(images.cpu().contiguous().numpy()).hexdigest()],
        "components": components,
        "seed": seed,
        "scikit-learn": version("scikit-learn"),
    }
    pca = _solver(components, seed)
    folder = prepared(get_dataset.CACHE_DIRS, "pca", made_from, build)
    with np.load(folder / "pca.npz", allow_pickle=False) as arrays:
        vars(pca).update({name: array[()] for name, array in arrays.items()})
    return pca


def _check(images, components, seed):
    validation.kinds(torch.Tensor, "a uint8 tensor (N, C, H, W)", images=images)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
        wanted = "images must be a uint8 tensor (N, C, H, W) with at least one image"
        raise ValueError(f"{wanted}, got {validation.describe(images)}")
    validation.integers(0, seed=seed)
    validation.integers(1, components=components)
    most = min(2 * len(images), images[0].numel())
    if components > most:
        raise ValueError(f"components must be at most {most} here, got {components}")


def _solver(components, seed):
    return PCA(components, svd_solver="randomized", random_state=seed, copy=False)
