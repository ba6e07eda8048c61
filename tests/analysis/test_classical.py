"""Restoring without learning: better than nothing, at the better setting, and only where asked."""

import pytest
import torch
from joblib import parallel_config
from torch.nn import functional as F

from helpers.analysis.classical import DENOISERS, best_setting, biharmonic, denoise
from helpers.analysis.corruption import add_noise
from helpers.analysis.metrics import psnr, psnr_where


@pytest.fixture(autouse=True)
def no_processes():
    with parallel_config(backend="threading"):  # new processes would take ten seconds to start
        yield


@pytest.fixture(scope="module")
def smooth():
    coarse = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=(32, 32), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("name", DENOISERS)
def test_a_denoiser_removes_noise_at_its_best_setting(smooth, name):
    noisy = add_noise(smooth, 0.1, torch.Generator().manual_seed(1))
    best = best_setting(name, noisy, smooth, 0.1)
    scores = {k: psnr(denoise(name, noisy, 0.1, k), smooth).mean() for k in DENOISERS[name][1]}
    assert scores[best] == max(scores.values()) > psnr(noisy, smooth).mean() + 3


def test_biharmonic_inpainting_fills_the_mask_and_leaves_the_rest(smooth):
    masks = torch.zeros(4, 1, 32, 32, dtype=torch.bool)
    masks[:, :, 10:18, 12:20] = True
    filled = biharmonic(torch.where(masks, 0.0, smooth), masks)
    assert filled.dtype == torch.float32
    assert torch.equal(filled[~masks.expand_as(smooth)], smooth[~masks.expand_as(smooth)])
    assert psnr_where(filled, smooth, masks).min() > 25
