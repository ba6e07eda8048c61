"""The split by person, and what the tables are made of."""

import numpy as np
import torch
from scipy.stats import bootstrap
from skimage.metrics import structural_similarity
from sklearn.model_selection import GroupShuffleSplit
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance


def split_by_person(attrs, seed=42):
    """Share the people out: 80% to train on, 10% to choose by, 10% to report.

    Parameters
    ----------
    attrs : DataFrame whose index has a level "person"
    seed : int

    Returns
    -------
    train, val, test : int arrays of row numbers, each sorted; no person is in two of them

    Raises
    ------
    ValueError : if there are fewer than three people.
    """
    people = attrs.index.get_level_values("person").to_numpy()
    if len(set(people)) < 3:
        raise ValueError(f"a split by person needs at least 3 people, got {len(set(people))}")
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
    recon, images : float tensors (N, C, H, W)

    Returns
    -------
    float array (N,)

    Raises
    ------
    ValueError : if the shapes differ or there are no images.
    """
    if recon.shape != images.shape or len(images) == 0:
        raise ValueError(
            "recon and images must have one shape and at least one image, "
            f"got {tuple(recon.shape)} and {tuple(images.shape)}"
        )
    return (recon.clamp(0, 1) - images).double().square().flatten(1).mean(1).numpy()


def psnr(recon, images):
    """Peak signal-to-noise ratio of each image in dB, for a range of 1; shapes as above."""
    return -10 * np.log10(squared_error(recon, images))


def ssim(recon, images):
    """Structural similarity of each image (Wang et al., 2004), scikit-image's; as above."""
    pairs = zip(recon.clamp(0, 1).numpy(), images.numpy(), strict=True)
    return np.array([structural_similarity(a, b, channel_axis=0, data_range=1) for a, b in pairs])


def with_interval(values, people=None, seed=42):
    """The mean of per-image values with its 95% bootstrap interval over people.

    Whole people are drawn, since the photos of one person are alike (percentile bootstrap,
    Efron & Tibshirani, 1993, chapter 13).

    Parameters
    ----------
    values : float array (N,)
    people : array (N,) of names, or None where every value stands for itself
    seed : int

    Returns
    -------
    dict of "value", "low", "high" (floats) and "n" (int, number of images)
    """
    values = np.asarray(values, dtype=float)
    groups = np.arange(len(values)) if people is None else np.unique(people, return_inverse=True)[1]
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
    ValueError : if the shapes are others.
    """
    sets = [np.asarray(features, dtype=float) for features in (features_a, features_b)]
    shapes = [features.shape for features in sets]
    if any(len(s) != 2 or s[0] < 2 or s[1] != shapes[0][-1] for s in shapes):
        raise ValueError(
            "features must be arrays (N, D) of one width D and at least 2 rows, "
            f"got {shapes[0]} and {shapes[1]}"
        )
    as_they_are = nn.Identity()  # where torchmetrics would compute features of images
    as_they_are.num_features = shapes[0][1]
    distance = FrechetInceptionDistance(feature=as_they_are)
    for features, real in zip(sets, (True, False), strict=True):
        distance.update(torch.from_numpy(features), real=real)
    return distance.compute().item()
