"""The split by person, and what the tables are made of."""

import warnings

import numpy as np
import pandas as pd
import torch
from scipy.stats import bootstrap
from skimage.metrics import structural_similarity
from sklearn.model_selection import GroupShuffleSplit
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from helpers.system import validation


def split_by_person(attrs, seed=42):
    """Share the people out: 80% to train on, 10% to choose by, 10% to report.

    Parameters
    ----------
    attrs : DataFrame whose index has a level "person"
    seed : int from 0 to 2**32 - 1

    Returns
    -------
    train, val, test : int arrays of row numbers, each sorted; no person is in two of them

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, or there are fewer than three people.
    """
    validation.kinds(pd.DataFrame, "a DataFrame", attrs=attrs)
    if "person" not in attrs.index.names:
        raise ValueError(f"attrs must have an index level person, got {list(attrs.index.names)}")
    validation.integers(0, seed=seed)
    people = attrs.index.get_level_values("person").to_numpy()
    if len(set(people)) < 3:
        raise ValueError(f"attrs must be of at least 3 people, got {len(set(people))}")
    rows = np.arange(len(people))
    first = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    train, rest = next(first.split(rows, groups=people))
    second = GroupShuffleSplit(1, test_size=0.5, random_state=seed)
    val, test = next(second.split(rest, groups=people[rest]))
    return train, rest[val], rest[test]


def squared_error(recon, images):
    """Mean squared error of each image over pixels and channels, after clipping to [0, 1].

    Parameters
    ----------
    recon, images : float tensors (N, C, H, W) on the CPU, `images` in [0, 1]

    Returns
    -------
    float array (N,)

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, the shapes differ, or a value is NaN.
    """
    _check(recon, images)
    return (recon.detach().clamp(0, 1) - images).double().square().flatten(1).mean(1).numpy()


def psnr(recon, images):
    """Peak signal-to-noise ratio of each image in dB, for a range of 1; shapes as above."""
    return -10 * np.log10(squared_error(recon, images))


def ssim(recon, images):
    """Structural similarity of each image (Wang et al., 2004), scikit-image's; as above.

    The images must be at least 7 pixels high and wide.
    """
    _check(recon, images)
    if min(images.shape[2:]) < 7:
        raise ValueError(f"images must be at least 7x7, got {validation.describe(images)}")
    pairs = zip(recon.detach().clamp(0, 1).numpy(), images.numpy(), strict=True)
    return np.array([structural_similarity(a, b, channel_axis=0, data_range=1) for a, b in pairs])


def with_interval(values, people=None, seed=42):
    """The mean of per-image values with its 95% bootstrap interval over people.

    Whole people are drawn, since the photos of one person are alike (percentile bootstrap,
    Efron & Tibshirani, 1993, chapter 13).

    Parameters
    ----------
    values : array (N,) of numbers or bools, none of them infinite or NaN
    people : array (N,) of names, at least two different ones; or None where every value stands
        for itself
    seed : int, at least 0

    Returns
    -------
    dict of "value", "low", "high" (floats) and "n" (int, number of images)

    Raises
    ------
    ValueError : if an argument is none of these.
    """
    values = np.asarray(values)
    numeric = values.dtype.kind in "biuf" and values.ndim == 1 and len(values) > 0
    if not numeric or not np.isfinite(values).all():
        raise ValueError(f"values must be finite numbers (N,), got {_describe(values)}")
    people = np.arange(len(values)) if people is None else np.asarray(people)
    if people.shape != values.shape:
        raise ValueError(f"people must be {len(values)} names, got {_describe(people)}")
    validation.integers(0, seed=seed)
    groups = np.unique(people.astype(str), return_inverse=True)[1]
    if not groups.any():
        raise ValueError(f"values must be of at least two people, got {_describe(values)}")
    values = values.astype(float)
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    interval = bootstrap(
        (sums, counts),
        lambda s, c, axis: s.sum(axis) / c.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=1000,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return {
        "value": float(values.mean()),
        "low": float(interval.low),
        "high": float(interval.high),
        "n": len(values),
    }


def reconstruction_scores(recon, images, people=None):
    """MSE, PSNR (dB) and SSIM over held-out images, each as `with_interval` gives it.

    Parameters
    ----------
    recon, images : float tensors (N, C, H, W) in [0, 1]
    people : array (N,) of names, or None

    Returns
    -------
    dict of "test_mse", "test_psnr", "test_ssim"
    """
    scores = {"test_mse": squared_error, "test_psnr": psnr, "test_ssim": ssim}
    return {name: with_interval(f(recon, images), people) for name, f in scores.items()}


def frechet_distance(features_a, features_b):
    """Frechet distance, squared, between Gaussians fitted to two sets of features.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), as torchmetrics computes it, of whatever
    network's features (Heusel et al., 2017, arXiv 1706.08500, take the Inception network's). It
    is 0 for equal means and covariances, and compares only within one network's features.

    Parameters
    ----------
    features_a, features_b : float arrays (N, D), with N of at least 2, which may differ

    Returns
    -------
    float

    Raises
    ------
    ValueError : if the features are none of these.
    """
    sets, as_they_are = _features(features_a, features_b)
    distance = FrechetInceptionDistance(feature=as_they_are)
    for features, real in zip(sets, (True, False), strict=True):
        distance.update(features, real=real)
    return distance.compute().item()


def kernel_distance(features_a, features_b, seed=42):
    """Kernel distance: squared maximum mean discrepancy under a cubic kernel, torchmetrics'.

    The mean over random subsets of up to 1,000 features (Binkowski et al., 2018, arXiv
    1801.01401). Unlike the Frechet distance it does not take the features for Gaussian.

    Parameters
    ----------
    features_a, features_b : float arrays (N, D), as `frechet_distance` takes them
    seed : int, of the subsets

    Returns
    -------
    float, about 0 for one distribution; it may be a little below

    Raises
    ------
    ValueError : if the features are none of these.
    """
    sets, as_they_are = _features(features_a, features_b)
    validation.integers(0, seed=seed)
    size = min(1000, *map(len, sets))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save all")
        distance = KernelInceptionDistance(feature=as_they_are, subsets=50, subset_size=size)
    for features, real in zip(sets, (True, False), strict=True):
        distance.update(features, real=real)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return distance.compute()[0].item()


def _features(features_a, features_b):
    """Both as tensors, and a network that leaves them as they are, for torchmetrics."""
    sets = {"features_a": np.asarray(features_a), "features_b": np.asarray(features_b)}
    width = sets["features_a"].shape[-1:]
    for features in sets.values():
        fits = features.ndim == 2 and len(features) > 1 and features.shape[1:] == width != (0,)
        if not fits or features.dtype.kind not in "fiu" or not np.isfinite(features).all():
            found = " and ".join(map(_describe, sets.values()))
            raise ValueError(
                "features_a and features_b must be finite arrays (N, D) of one width D, "
                f"with at least 2 rows, got {found}"
            )
    as_they_are = nn.Identity()
    as_they_are.num_features = width[0]
    return [torch.tensor(f, dtype=torch.float64) for f in sets.values()], as_they_are


def _check(recon, images):
    validation.tensors("N C H W", recon=recon)
    validation.tensors("N C H W", 0, 1, images=images)
    validation.same_shape(recon=recon, images=images)


def _describe(array):
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"{np.count_nonzero(~np.isfinite(array))} of {array.size} infinite or NaN"
    return validation.describe(array)
