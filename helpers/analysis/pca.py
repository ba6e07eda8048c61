"""Principal components of faces: the baseline, and where the networks start."""

import hashlib
from importlib.metadata import version

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.decomposition import PCA
from torch import nn

from helpers.data import cache
from helpers.system.validation import describe

LEAST = 1e-3  # of the largest standard deviation: codes must not divide by nothing


class PCALayer(nn.Module):
    """Principal component analysis as a layer without trainable weights.

    Its numbers are buffers: they are saved with a model and move to its device, but no optimiser
    changes them. A new layer encodes everything as zeros; `start_from_pca` fills it.

    Parameters
    ----------
    components : int, the length of a code
    size : int, height and width of the images in pixels
    """

    def __init__(self, components, size=64):
        super().__init__()
        self.components, self.size = components, size
        self.register_buffer("mean", torch.zeros(3 * size * size))
        self.register_buffer("basis", torch.zeros(components, 3 * size * size))
        self.register_buffer("scale", torch.ones(components))  # standard deviations

    def encode(self, x):
        """Images (B, 3, size, size) in [0, 1] to codes (B, components) of variance 1."""
        return (x.flatten(1) - self.mean) @ self.basis.T / self.scale

    def decode(self, z):
        """Codes (B, k), k at most `components`, to images (B, 3, size, size), not clamped."""
        k = z.shape[1]
        pixels = self.mean + (z * self.scale[:k]) @ self.basis[:k]
        return pixels.view(-1, 3, self.size, self.size)

    def forward(self, x):
        return self.decode(self.encode(x))

    def first(self, components):
        """The PCALayer of the first `components` of these components, on the CPU."""
        return PCALayer(components, self.size).start_from_pca(self)

    @torch.no_grad()
    def start_from_pca(self, pca):
        """Copy the first components of a PCALayer that has at least as many; return self."""
        if pca.size != self.size or pca.components < self.components:
            raise ValueError(
                f"pca must have at least {self.components} components of {self.size}x{self.size} "
                f"images, got {pca.components} of {pca.size}x{pca.size}"
            )
        self.mean.copy_(pca.mean)
        self.basis.copy_(pca.basis[: self.components])
        self.scale.copy_(pca.scale[: self.components])
        return self


def fit_pca(images, components, seed=42):
    """Fit PCA on images (scikit-learn's, randomised solver: Halko et al., 2011, arXiv 0909.4061).

    `images` are uint8 (N, 3, size, size); the component with the largest variance comes first.
    Standard deviations below a thousandth of the largest are raised to it.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"images must be uint8, 0 to 255, got {describe(images)}")
    vectors = images.flatten(1).cpu().numpy().astype(np.float32)
    vectors /= 255  # in place, as is all that follows: a copy would take half a gigabyte
    pca = PCA(components, svd_solver="randomized", iterated_power=4, random_state=seed, copy=False)
    pca.fit(vectors)  # with the default of 7 it takes half as long again and draws as well
    scale = np.sqrt(pca.explained_variance_)
    scale = np.maximum(scale, max(LEAST * scale[0], 1e-6))
    found = {"mean": pca.mean_, "basis": pca.components_, "scale": scale}
    layer = PCALayer(components, images.shape[-1])
    layer.load_state_dict({name: torch.from_numpy(array) for name, array in found.items()})
    return layer.eval()


def load_or_fit_pca(images, components, seed=42):
    """`fit_pca`, kept in the cache: on one core, 512 components take 19 s, once."""
    made_from = {
        "what": "principal components of images",
        "images": [*images.shape, hashlib.sha256(images.cpu().contiguous().numpy()).hexdigest()],
        "components": components,
        "seed": seed,
        "scikit-learn": version("scikit-learn"),
    }

    def build(folder):
        save_file(fit_pca(images, components, seed).state_dict(), folder / "pca.safetensors")

    folder = cache.prepared("pca", made_from, build)
    layer = PCALayer(components, images.shape[-1])
    layer.load_state_dict(load_file(folder / "pca.safetensors"))
    return layer.eval()
