"""Restoring images without learning: scikit-image's denoisers and inpainting, on all cores."""

from functools import partial

import numpy as np
import torch
from joblib import Parallel, delayed
from skimage.restoration import (
    denoise_nl_means,
    denoise_tv_chambolle,
    denoise_wavelet,
    inpaint_biharmonic,
)

from helpers.analysis.metrics import psnr

DENOISERS = {  # name -> method, the settings k to try, its keywords by sigma and k
    "non-local means": (partial(denoise_nl_means, patch_size=5, patch_distance=6),
                        (0.4, 0.5, 0.6, 0.7), lambda sigma, k: {"h": k * sigma, "sigma": sigma}),
    "total variation": (denoise_tv_chambolle,
                        (0.8, 1.0, 1.2, 1.5), lambda sigma, k: {"weight": k * sigma}),
    "wavelets": (partial(denoise_wavelet, convert2ycbcr=True, rescale_sigma=True),
                 (0.9, 1.0, 1.2), lambda sigma, k: {"sigma": k * sigma}),
}  # fmt: skip


def denoise(name, images, sigma, k):
    """Denoise images (N, C, H, W) in [0, 1] on the CPU with one of `DENOISERS`.

    `sigma` is the noise's standard deviation, `k` the method's setting, as `best_setting` finds it.
    """
    method, _, keywords = DENOISERS[name]
    return one_by_one(partial(method, channel_axis=-1, **keywords(sigma, k)), images)


def best_setting(name, noisy, clean, sigma):
    """The setting of one of `DENOISERS` with the highest mean PSNR: choose on validation images."""
    settings = DENOISERS[name][1]
    return max(settings, key=lambda k: psnr(denoise(name, noisy, sigma, k), clean).mean())


def biharmonic(images, masks):
    """Continue each image smoothly into its mask (Damelin & Hoang, 2018).

    Images are as `denoise` takes them; `masks`, bool (N, 1, H, W), are True where to fill in.
    """
    return one_by_one(partial(inpaint_biharmonic, channel_axis=-1), images, masks[:, 0].numpy())


def one_by_one(method, images, *more):
    """Apply `method`, which takes one image (H, W, C), to images (N, C, H, W), on all cores."""
    each = zip(images.permute(0, 2, 3, 1).numpy(), *more, strict=True)
    results = np.stack(Parallel(n_jobs=-1)(delayed(method)(*one) for one in each))
    return torch.from_numpy(results.astype(np.float32)).permute(0, 3, 1, 2).contiguous()
