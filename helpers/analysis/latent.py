"""Working with codes: encode, attribute vectors, interpolation, neighbours."""

import itertools

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.distributions import Distribution

from helpers.data.tensors import as_floats
from helpers.system import validation
from helpers.system.memory import keep_freed_memory, return_freed_memory


@torch.no_grad()
def predict(function, *data, batch_size=50):
    """Apply a model, one of its methods, or any function to data that do not fit in one batch.

    Parameters
    ----------
    function : callable on batches of `data`
        Where it is an nn.Module or a bound method of one, batches go to the module's device.
    *data : tensors of one length N
        uint8 images become floats in [0, 1]; codes and labels are given as they are.
    batch_size : int, at least 1

    Returns
    -------
    tensor (N, ...) on the CPU, without gradients: what `function` returned, joined; where it
    returned a distribution, its means; where it returned a tuple, a tuple of these
    """
    lengths = [len(values) for values in data]
    if not data or 0 in lengths or len(set(lengths)) > 1:
        raise ValueError(f"data must be tensors of one length above 0, got lengths {lengths}")
    keep_freed_memory()
    device = device_of(function)
    joined = ()
    for start in range(0, len(data[0]), batch_size):
        rows = slice(start, start + batch_size)
        found = function(*(as_floats(t[rows]).to(device) for t in data))
        several = isinstance(found, tuple)
        parts = [on_cpu(result) for result in (found if several else (found,))]
        joined = joined or [room_for(part, len(data[0])) for part in parts]
        for whole, part in zip(joined, parts, strict=True):
            if part.shape[:1] != whole[rows].shape[:1]:  # it would be repeated to fit
                raise ValueError(
                    f"function must return a row for each of the {len(whole[rows])} rows that it "
                    f"is given, got {validation.describe(part)}"
                )
            whole[rows] = part
    return_freed_memory()
    return tuple(joined) if several else joined[0]


def room_for(part, count):
    """An empty tensor for `count` rows like those of a part of them: filled, it needs no copy."""
    like_images = part.ndim == 4 and part.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if like_images else torch.contiguous_format
    return torch.empty((count, *part.shape[1:]), dtype=part.dtype, memory_format=layout)


def device_of(function):
    """The device of the module that `function` is, or is a method of; else the CPU."""
    module = getattr(function, "__self__", function)
    if not isinstance(module, nn.Module):
        return torch.device("cpu")
    weights = itertools.chain(module.parameters(), module.buffers())
    return next((w.device for w in weights), torch.device("cpu"))


def on_cpu(result):
    return (result.mean if isinstance(result, Distribution) else result).cpu()


def attribute_vector(codes, present, absent):
    """The step in latent space from faces without an attribute to faces with it.

    The difference (latent_dim,) between two means of codes (N, latent_dim), as in Larsen et al.
    (2016, arXiv 1512.09300, section 4.2). `present` and `absent` are bool arrays (N,): which codes
    have the attribute, and which surely lack it.
    """
    means = []
    for name, chosen in {"present": present, "absent": absent}.items():
        mask = np.array(chosen)  # a copy: torch does not take read-only arrays
        if mask.dtype != bool or mask.shape != (len(codes),) or not mask.any():
            raise ValueError(
                f"{name} must be a bool array of length {len(codes)} that chooses some codes, "
                f"got {mask.dtype} of shape {mask.shape}, {np.count_nonzero(mask)} chosen"
            )
        means.append(codes[torch.from_numpy(mask)].mean(0))
    return means[0] - means[1]


def attribute_vector_within(codes, present, people):
    """The step from photos without an attribute to photos with it, of one and the same person.

    The mean, over the people who have photos of both kinds, of the difference between the means
    of their codes (N, latent_dim). Whatever else distinguishes people who tend to have the
    attribute cancels. `present` is a bool array (N,), `people` one of names.
    """
    present = np.asarray(present)
    if present.dtype != bool:
        raise ValueError(f"present must be a bool array, got {present.dtype}")
    means = pd.DataFrame(codes.numpy()).groupby([np.asarray(people), present]).mean().unstack()
    means = means.reindex(
        columns=pd.MultiIndex.from_product([range(codes.shape[1]), [False, True]])
    )
    steps = (means.xs(True, axis=1, level=1) - means.xs(False, axis=1, level=1)).dropna()
    if steps.empty:
        raise ValueError("present must be true and false of photos of one person, it never is")
    return torch.tensor(steps.mean().to_numpy(np.float32, copy=True))


def interpolate(start, end, steps):
    """Codes (steps, latent_dim) on the straight line between two codes, both ends included."""
    return torch.lerp(start, end, torch.linspace(0, 1, steps, device=start.device)[:, None])


def nearest(codes, queries, count):
    """The nearest codes (N, ...) to each query (Q, ...) by Euclidean distance (scikit-learn).

    An int array (Q, count) of row numbers in `codes`, the nearest first.
    """
    index = NearestNeighbors(n_neighbors=count).fit(codes.detach().flatten(1).numpy())
    return index.kneighbors(queries.detach().flatten(1).numpy(), return_distance=False)
