"""Working with codes: encode, attribute vectors, interpolation, neighbours."""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch.distributions import Distribution

from helpers.training import to_unit


@torch.no_grad()
def apply_in_batches(function, images, batch_size=250):
    """Apply a model, or one of its methods, to images that do not fit in one batch.

    Parameters
    ----------
    function : an nn.Module or a bound method of one, taking (B, C, H, W) in [0, 1]
    images : tensor (N, C, H, W), uint8 0..255 or float in [0, 1]
    batch_size : int

    Returns
    -------
    float tensor (N, ...) on the CPU; where `function` returns a distribution, its means
    """
    model = getattr(function, "__self__", function)
    device = next(model.parameters()).device
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
    codes : float tensor (N, latent_dim)
    present, absent : bool arrays (N,), which codes have the attribute and which surely lack it

    Returns
    -------
    float tensor (latent_dim,)

    Raises
    ------
    ValueError : if the masks have another length, or one of them chooses nobody.
    """
    means = []
    for name, chosen in {"present": present, "absent": absent}.items():
        chosen = torch.tensor(np.asarray(chosen))  # a copy: the array may be read-only
        if chosen.dtype != torch.bool or chosen.shape != codes.shape[:1]:
            raise ValueError(
                f"{name} must be a bool array of length {len(codes)}, "
                f"got {chosen.dtype} of shape {tuple(chosen.shape)}"
            )
        if not chosen.any():
            raise ValueError(f"{name} chooses none of the {len(codes)} codes")
        means.append(codes[chosen].mean(0))
    return means[0] - means[1]


def interpolate(start, end, steps):
    """Codes on the straight line between two codes, both ends included.

    Parameters
    ----------
    start, end : float tensors (latent_dim,)
    steps : int, at least 2

    Returns
    -------
    float tensor (steps, latent_dim)

    Raises
    ------
    ValueError : if there are fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"steps must be at least 2, got {steps}")
    return torch.lerp(start, end, torch.linspace(0, 1, steps, device=start.device)[:, None])


def nearest(codes, queries, count):
    """The nearest codes to each query by Euclidean distance (scikit-learn).

    Parameters
    ----------
    codes : float tensor (N, ...), flattened
    queries : float tensor (Q, ...), flattened
    count : int, at most N

    Returns
    -------
    int array (Q, count) of row numbers in `codes`, the nearest first
    """
    index = NearestNeighbors(n_neighbors=count).fit(codes.flatten(1).numpy())
    return index.kneighbors(queries.flatten(1).numpy(), return_distance=False)
