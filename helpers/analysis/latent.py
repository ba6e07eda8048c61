"""Working with codes: encode, attribute vectors, interpolation, neighbours."""

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.distributions import Distribution

from helpers.system import validation
from helpers.system.memory import keep_freed_memory
from helpers.training.loop import to_unit

MOST = 1e30  # of codes that are compared: beyond, the square of a distance is infinite


@torch.no_grad()
def apply_in_batches(function, images, batch_size=100):
    """Apply a model, or one of its methods, to images that do not fit in one batch.

    Parameters
    ----------
    function : an nn.Module or a bound method of one, taking (B, C, H, W) in [0, 1]
    images : tensor (N, C, H, W), uint8 0..255 or float in [0, 1]; or what else `function` takes,
        such as codes (N, latent_dim) for `decode`
    batch_size : int, at least 1

    Returns
    -------
    float tensor (N, ...) on the CPU; where `function` returns a distribution, its means

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, or a float image or code is NaN.
    """
    model = getattr(function, "__self__", function)
    validation.kinds(nn.Module, "an nn.Module or a method of one", function=model)
    if not (isinstance(images, torch.Tensor) and images.dtype == torch.uint8 and len(images)):
        validation.tensors("N ...", any_device=True, images=images)
    validation.integers(1, batch_size=batch_size)
    keep_freed_memory()
    device = next(model.parameters(), images).device
    results = []
    for batch in images.split(batch_size):
        batch = to_unit(batch) if batch.dtype == torch.uint8 else batch
        result = function(batch.to(device))
        results.append((result.mean if isinstance(result, Distribution) else result).cpu())
    return torch.cat(results)


def attribute_vector(codes, present, absent):
    """The step in latent space from faces without an attribute to faces with it.

    The difference of the two means (Larsen et al., 2016, arXiv 1512.09300, section 4.2).

    Parameters
    ----------
    codes : float tensor (N, latent_dim) on the CPU
    present, absent : bool arrays (N,), which codes have the attribute and which surely lack it

    Returns
    -------
    float tensor (latent_dim,)

    Raises
    ------
    TypeError, ValueError : if the codes are none, the masks have another length, or one of them
        chooses nobody.
    """
    validation.tensors("N latent_dim", codes=codes)
    means = []
    for name, chosen in {"present": present, "absent": absent}.items():
        mask = np.array(chosen)  # a copy: torch does not take read-only arrays
        if mask.dtype != bool or mask.shape != (len(codes),):
            raise ValueError(
                f"{name} must be a bool array of length {len(codes)}, "
                f"got {mask.dtype} of shape {mask.shape}"
            )
        if not mask.any():
            raise ValueError(f"{name} must choose some of the {len(codes)} codes, got none")
        means.append(codes[torch.from_numpy(mask)].mean(0))
    return means[0] - means[1]


def attribute_vector_within(codes, present, people):
    """The step from photos without an attribute to photos with it, of one and the same person.

    The mean, over the people who have photos of both kinds, of the difference between the means
    of their codes. Whatever else distinguishes people who tend to have the attribute cancels.

    Parameters
    ----------
    codes : float tensor (N, latent_dim) on the CPU
    present : bool array (N,), which codes have the attribute
    people : array (N,) of names

    Returns
    -------
    float tensor (latent_dim,)

    Raises
    ------
    TypeError, ValueError : if the lengths differ, or nobody has photos of both kinds.
    """
    validation.tensors("N latent_dim", codes=codes)
    present, people = np.asarray(present), np.asarray(people)
    for name, values, kinds in (("present", present, "b"), ("people", people, "OUS")):
        if values.dtype.kind not in kinds or values.shape != (len(codes),):
            raise ValueError(
                f"{name} must be an array of {len(codes)} {'bools' if kinds == 'b' else 'names'}, "
                f"got {validation.describe(values)}"
            )
    means = pd.DataFrame(codes.numpy()).groupby([people, present]).mean().unstack()
    means = means.reindex(
        columns=pd.MultiIndex.from_product([range(codes.shape[1]), [False, True]])
    )
    steps = (means.xs(True, axis=1, level=1) - means.xs(False, axis=1, level=1)).dropna()
    if steps.empty:
        raise ValueError("present must be true and false of photos of one person, it never is")
    return torch.tensor(steps.mean().to_numpy(np.float32, copy=True))


def interpolate(start, end, steps):
    """Codes on the straight line between two codes, both ends included.

    Parameters
    ----------
    start, end : float tensors (latent_dim,), on one device
    steps : int, at least 2

    Returns
    -------
    float tensor (steps, latent_dim)

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    """
    validation.tensors("latent_dim", any_device=True, start=start, end=end)
    validation.same_shape(start=start, end=end)
    validation.integers(2, steps=steps)
    return torch.lerp(start, end, torch.linspace(0, 1, steps, device=start.device)[:, None])


def nearest(codes, queries, count):
    """The nearest codes to each query by Euclidean distance (scikit-learn).

    Parameters
    ----------
    codes : float tensor (N, ...) on the CPU, flattened
    queries : float tensor (Q, ...) likewise
    count : int, from 1 to N

    Returns
    -------
    int array (Q, count) of row numbers in `codes`, the nearest first

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    """
    validation.tensors("N D ...", -MOST, MOST, codes=codes, queries=queries)
    validation.same_shape(codes=codes[0], queries=queries[0])
    validation.integers(1, count=count)
    if count > len(codes):
        raise ValueError(f"count must be at most {len(codes)}, the number of codes, got {count}")
    index = NearestNeighbors(n_neighbors=count).fit(codes.detach().flatten(1).numpy())
    return index.kneighbors(queries.detach().flatten(1).numpy(), return_distance=False)
