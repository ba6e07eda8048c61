"""The split by person, errors with their intervals, and distances between sets of images."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.stats import bootstrap
from skimage.metrics import structural_similarity
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional as F

from helpers.analysis.latent import predict
from helpers.data.tensors import as_floats
from helpers.system import validation


def split_by_person(attrs, seed=42):
    """Share the people out: 80% to train on, 10% to choose by, 10% to report.

    `attrs` is a DataFrame whose index has a level "person", of at least six people. Three arrays of
    row numbers, each sorted: train, val and test. No person is in two of them.
    """
    people = attrs.index.get_level_values("person").to_numpy()
    if len(set(people)) < 6:  # a fifth of them is shared between two parts
        raise ValueError(f"attrs must be of at least 6 people, got {len(set(people))}")
    rows = np.arange(len(people))
    first = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    train, rest = next(first.split(rows, groups=people))
    second = GroupShuffleSplit(1, test_size=0.5, random_state=seed)
    val, test = next(second.split(rest, groups=people[rest]))
    return train, rest[val], rest[test]


def squared_error(recon, images):
    """Mean squared error of each image over pixels and channels, after clipping to [0, 1].

    A float array (N,) for tensors (N, C, H, W) on the CPU, `images` in [0, 1].
    """
    _check(recon, images)
    pairs = zip(recon.detach().split(100), images.split(100), strict=True)  # little memory at once
    errors = [(a.clamp(0, 1) - b).double().square().flatten(1).mean(1) for a, b in pairs]
    return torch.cat(errors).numpy()


def psnr(recon, images):
    """Peak signal-to-noise ratio of each image in dB, for a range of 1; shapes as above."""
    return -10 * np.log10(squared_error(recon, images))


def psnr_where(recon, images, mask):
    """PSNR in dB of each image over the pixels that `mask`, bool (N or 1, 1, H, W), chooses."""
    _check(recon, images)
    wanted = [(n, 1, *images.shape[2:]) for n in (len(images), 1)]
    counts = mask.flatten(1).sum(1)
    if mask.dtype != torch.bool or mask.shape not in wanted or not counts.all():
        raise ValueError(
            f"mask must be a bool tensor {wanted[0]} that chooses some pixels of every image, "
            f"got {validation.describe(mask)}"
        )
    error = (recon.detach().clamp(0, 1) - images).square_().mul_(mask).flatten(1)
    error = error.sum(1, dtype=torch.float64) / (images.shape[1] * counts)
    return -10 * error.log10().numpy()


def sharpness(images):
    """How sharp images (N, C, H, W) are, a float: mean absolute difference of neighbouring pixels.

    Of horizontal neighbours plus of vertical ones.
    """
    along_rows, along_columns = (images.detach().diff(dim=dim).abs_().mean() for dim in (-1, -2))
    return float(along_rows + along_columns)


def isolated_bright_pixels(images, threshold=0.1):
    """How many pixels of each image (N, C, H, W) stand out from all their eight neighbours: (N,).

    Those whose brightness, the mean of the channels, is above that of each by the threshold.
    Photographs have few: a count above theirs is of specks that a decoder has made.
    """
    counts = []
    for grey in images.detach().mean(1, keepdim=True).split(100):
        windows = F.unfold(F.pad(grey, (1, 1, 1, 1), value=-1.0), 3)  # (100, 9, H * W)
        neighbours = windows[:, [0, 1, 2, 3, 5, 6, 7, 8]].amax(1)
        counts.append((windows[:, 4] > neighbours + threshold).sum(1))
    return torch.cat(counts).numpy()


def nearest_ratio(samples, held_out, train):
    """The median distance of a sample to its nearest training code over that of a held-out code.

    About 1 where samples are new, 0 for copies. All are codes, float tensors (N, D) on the CPU.
    """
    index = NearestNeighbors(n_neighbors=1).fit(train.numpy())
    medians = [np.median(index.kneighbors(codes.numpy())[0]) for codes in (samples, held_out)]
    return float(medians[0] / medians[1])


def ssim(recon, images):
    """Structural similarity (Wang et al., 2004) of images of at least 7x7 pixels; as `psnr`."""
    _check(recon, images)
    likeness = partial(structural_similarity, channel_axis=0, data_range=1)
    pairs = zip(recon.detach(), images, strict=True)
    return np.array([likeness(a.clamp(0, 1).numpy(), b.numpy()) for a, b in pairs])


def bootstrap_interval(values, people=None):
    """The mean of per-image values with its 95% bootstrap interval over people.

    Whole people are drawn, since the photos of one person are alike (percentile bootstrap,
    Efron & Tibshirani, 1993, chapter 13).

    `values` (N,) are numbers or bools, `people` (N,) names of at least two people, or None where
    every value stands for itself. A dict of "value", "low", "high" and "n", the number of images.
    """
    return bootstrap_ratio(values, np.ones(len(values)), people)


def bootstrap_ratio(numerators, denominators, people=None):
    """The sum of the first over that of the second, with its interval; as `bootstrap_interval`.

    Both are drawn together, so that the interval knows of the uncertainty of both. An example is
    the share of a gap that a model closes: (plain - ours) / (plain - best), of errors (N,).
    """
    above, below = (np.asarray(values, float) for values in (numerators, denominators))
    people = np.arange(len(above)) if people is None else np.asarray(people)
    if not above.shape == below.shape == people.shape or above.ndim != 1:
        shapes = ", ".join(str(array.shape) for array in (above, below, people))
        raise ValueError(f"values and people must be of one length (N,), got {shapes}")
    if not np.isfinite([above, below]).all():
        raise ValueError("values must be finite numbers, some are infinite or NaN")
    groups = np.unique(people.astype(str), return_inverse=True)[1]
    if len(above) == 0 or not groups.any():
        raise ValueError(f"values must be of at least two people, got {len(above)} of one")
    sums = [np.bincount(groups, values) for values in (above, below)]
    interval = bootstrap(
        sums, lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, vectorized=True,
        n_resamples=1000, batch=50, method="percentile", rng=np.random.default_rng(42),
    ).confidence_interval  # fmt: skip
    return {"value": float(above.sum() / below.sum()), "low": float(interval.low),
            "high": float(interval.high), "n": len(above)}  # fmt: skip


def compare(models, images, people=None, baseline=None):
    """How well each of several models reconstructs the same images, as a `Comparison`.

    `models` is a dict of name -> model, or any function of images, or the images that it made,
    float (N, C, H, W). `images` are uint8 (N, C, H, W), or float in [0, 1]. Intervals are over
    `people` (N,); differences are from the model whose name is `baseline`.
    """
    recons = {
        name: (model if isinstance(model, torch.Tensor) else predict(model, images)).clamp(0, 1)
        for name, model in models.items()
    }
    return Comparison(recons, as_floats(images), people, baseline)


class Comparison:
    """What `compare` found. `images` and `errors` (squared, one an image) are dicts by model."""

    def __init__(self, images, originals, people, baseline):
        self.images, self.people, self.baseline = images, people, baseline
        self.errors = {name: squared_error(x, originals) for name, x in images.items()}
        self._ssim = {name: ssim(x, originals) for name, x in images.items()}

    def metrics(self, name):
        """What is recorded of one model: each measure as `bootstrap_interval` gives it.

        "test_mse", "test_psnr" (dB), "test_ssim"; and with the baseline PCA "mse_minus_pca", the
        paired difference, and "mse_of_pca", the error as a share of the baseline's.
        """
        error = self.errors[name]
        scores = {"mse": error, "psnr": -10 * np.log10(error), "ssim": self._ssim[name]}
        found = {f"test_{k}": bootstrap_interval(v, self.people) for k, v in scores.items()}
        if self.baseline not in (None, name):
            other, word = self.errors[self.baseline], self.baseline.lower().replace(" ", "_")
            found[f"mse_minus_{word}"] = bootstrap_interval(error - other, self.people)
            found[f"mse_of_{word}"] = float(error.mean() / other.mean())
        return found

    def table(self):
        """A DataFrame with a row for each model; the interval is that of the difference."""
        rows = {}
        for name in self.errors:
            found = self.metrics(name)
            mse, psnr, ssim, *compared = found.values()
            rows[name] = {"test MSE": round(mse["value"], 5)}
            if self.baseline is not None:
                whose, cells = f"{self.baseline}'s", ("", "", "")
                if compared:
                    minus, share = compared
                    interval = f"{minus['low']:.5f} to {minus['high']:.5f}"
                    cells = (f"{minus['value']:.5f}", interval, f"{share:.3f}")
                columns = (f"minus {whose}", "95% interval", f"share of {whose}")
                rows[name] |= dict(zip(columns, cells, strict=True))
            rows[name] |= {"PSNR (dB)": round(psnr["value"], 2), "SSIM": round(ssim["value"], 3)}
        return pd.DataFrame.from_dict(rows, orient="index")


def frechet_distance(features_a, features_b):
    """Frechet distance, squared, between Gaussians fitted to two sets of features, (N, D) each.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)). Heusel et al. (2017, arXiv 1706.08500) take
    the Inception network's features; distances compare only within one network's.
    """
    features = (np.asarray(features_a, float), np.asarray(features_b, float))
    (mean_a, cov_a), (mean_b, cov_b) = ((f.mean(0), np.cov(f, rowvar=False)) for f in features)
    root = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * root)


def kernel_distance(features_a, features_b):
    """Kernel distance: squared maximum mean discrepancy under the kernel (x.y / D + 1)^3.

    The mean over 50 random subsets of half of the features (N, D), at most 1,000 (Binkowski et al.,
    2018, arXiv 1801.01401), which it does not take for Gaussian. A dict of "value", about 0 for one
    distribution (it may be a little below), and "deviation", that over the subsets.
    """
    sets, rng = [np.asarray(f, float) for f in (features_a, features_b)], np.random.default_rng(42)
    size, found = max(2, min(1000, min(map(len, sets)) // 2)), []
    for _ in range(50):
        x, y = (rng.choice(f, size, replace=False) for f in sets)
        xx, yy, xy = ((p @ q.T / p.shape[1] + 1) ** 3 for p, q in ((x, x), (y, y), (x, y)))
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (size * (size - 1))
        found.append(within - 2 * xy.mean())  # without a feature beside itself: unbiased
    return {"value": float(np.mean(found)), "deviation": float(np.std(found))}


def precision(samples, real, k=3):
    """The share of samples that lie where real features do (Kynkäänniemi et al., 2019).

    That is, nearer to a real one than its own k-th nearest real neighbour is (arXiv 1904.06991).
    Both are arrays of features (N, D) of one network.
    """
    samples, real = (torch.as_tensor(np.asarray(f)).double() for f in (samples, real))
    radii = torch.cat([torch.cdist(part, real).kthvalue(k + 1).values for part in real.split(500)])
    inside = [(torch.cdist(part, real) <= radii).any(1) for part in samples.split(500)]
    return torch.cat(inside).double().mean().item()


def recall(samples, real, k=3):
    """The share of the real features that lie where samples do: `precision`, turned round."""
    return precision(real, samples, k)


def mean_and_range(distance, draws, reference):
    """A distance of several draws to one reference: its mean, and the spread to compare with.

    `distance` is a function of two arrays of features, such as `frechet_distance`; `draws` has one
    for each draw of samples. A dict of "value" (the mean), "low", "high" and "n" (draws).
    """
    found = [distance(draw, reference) for draw in draws]
    return {"value": float(np.mean(found)), "low": min(found), "high": max(found), "n": len(found)}


def _check(recon, images):
    """Images of bytes or of another size would give a number, too."""
    validation.images(recon=recon)
    validation.images(0, 1, images=images)
    if recon.shape != images.shape:
        got = f"{tuple(recon.shape)} and {tuple(images.shape)}"
        raise ValueError(f"recon and images must have one shape, got {got}")
