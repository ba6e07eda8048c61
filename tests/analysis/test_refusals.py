"""Bad input to what students call: an error that names the argument and says what it must be."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.analysis import corruption, latent, metrics


def tensor(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


IMAGES, CODES = tensor(4, 3, 8, 8), tensor(6, 5)
RECON = IMAGES.flip(0)
MASK = np.array([True, False, True, False, False, False])
PEOPLE = pd.DataFrame(
    {"Smiling": 0.0},
    index=pd.MultiIndex.from_product([list("abcdef"), [1, 2]], names=["person", "imagenum"]),
)
SCORES = np.linspace(0, 1, 8)


def no_tensors(good, *more):
    """What `good` could be mistaken for: other kinds, types, shapes; NaN, or nothing at all."""
    with_nan = good.clone()
    with_nan.view(-1)[-1] = torch.nan
    others = (good.numpy(), good.long(), good.bool(), good[:0], with_nan, good.new_tensor(0.5))
    return [None, 3, "images", [[0.5]], *others, *more]


NO_IMAGES = no_tensors(IMAGES, IMAGES + 0.5, -IMAGES, 255 * IMAGES, IMAGES[None], IMAGES[0])
NO_RECON = no_tensors(RECON, RECON[:, :1])
NO_CODES = no_tensors(CODES, CODES[0])
NO_MASKS = [None, 3, "mask", MASK[:3], MASK.astype(int), ~MASK & MASK, MASK[None]]
NO_SPANS = [None, "ab", {0.1, 0.2}, np.nan, "0.1", (0.5,), (0.1, 0.2, 0.3), (0.3, 0.2),
            (-0.1, 0.5), (0.1, np.nan), (True, 1)]  # fmt: skip
NO_SEEDS = [None, -1, 2.5, True, "1", [4]]
NO_FEATURES = [None, 3, "features", CODES.numpy()[:1], CODES.numpy()[:, :2], CODES.numpy()[0],
               np.full((6, 5), np.nan), np.full((6, 5), "a"), np.zeros((6, 0))]  # fmt: skip
NO_VALUES = [None, "values", 3.0, SCORES[:0], SCORES[None], SCORES.astype(str), [1j, 2j],
             np.where(SCORES == 1, np.nan, SCORES)]  # fmt: skip
GENERATORS = [42, "seed", np.random.default_rng(0)]
FACTS = {"recon": (RECON, NO_RECON), "images": (IMAGES, NO_IMAGES)}
SETS = {"features_a": (CODES.numpy(), NO_FEATURES), "features_b": (1 + CODES.numpy(), NO_FEATURES)}
CALLS = {  # of each argument a good value, and bad ones
    corruption.add_noise: {
        "images": (IMAGES, NO_IMAGES), "sigma": (0.1, NO_SPANS), "generator": (None, GENERATORS),
    },
    corruption.occlude: {
        "images": (IMAGES, NO_IMAGES), "share": ((0.2, 0.4), [*NO_SPANS, (0.0, 0.4), (0.5, 1.5)]),
        "generator": (None, GENERATORS),
    },
    latent.attribute_vector: {
        "codes": (CODES, NO_CODES), "present": (MASK, NO_MASKS), "absent": (~MASK, NO_MASKS),
    },
    latent.attribute_vector_within: {
        "codes": (CODES, NO_CODES), "present": (MASK, NO_MASKS),
        "people": (list("aabbcc"), [None, 3, "name", list("ab"), np.arange(6), [["a"] * 6]]),
    },
    latent.interpolate: {
        "start": (CODES[0], no_tensors(CODES[0], CODES, CODES[0, :2])),
        "end": (CODES[1], no_tensors(CODES[0], CODES)), "steps": (3, [1, *NO_SEEDS]),
    },
    latent.nearest: {
        "codes": (CODES, [*NO_CODES, 1e31 * CODES, torch.inf * CODES]),
        "queries": (CODES[:2], [*NO_CODES, CODES[:, :2]]), "count": (3, [0, 7, *NO_SEEDS]),
    },
    metrics.split_by_person: {
        "attrs": (PEOPLE, [None, 3, [], np.zeros((3, 2)), PEOPLE.iloc[:4], PEOPLE.reset_index()]),
        "seed": (0, NO_SEEDS),
    },
    metrics.bootstrap_interval: {
        "values": (SCORES, NO_VALUES),
        "people": (list("aabbccdd"), [list("abc"), 3, "names", [["a"] * 8], ["a"] * 8]),
    },
    metrics.squared_error: FACTS, metrics.psnr: FACTS, metrics.ssim: FACTS,
    metrics.reconstruction_scores: FACTS,
    metrics.sharpness: {"images": (IMAGES, no_tensors(IMAGES, IMAGES[0]))},
    metrics.frechet_distance: SETS, metrics.kernel_distance: SETS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "argument"),
    [(function, argument) for function, arguments in CALLS.items() for argument in arguments],
    ids=lambda thing: getattr(thing, "__name__", thing),
)
@pytest.mark.filterwarnings("ignore:invalid value|Casting complex")
def test_a_bad_argument_is_named(function, argument):
    good = {name: value for name, (value, _) in CALLS[function].items()}
    function(**good)
    for value in CALLS[function][argument][1]:
        with pytest.raises((TypeError, ValueError)) as error:
            function(**good | {argument: value})
        message = str(error.value)
        assert re.search(rf"\b{argument}\b", message) and "must" in message, message
        assert len(message) < 600 and "\n" not in message


def test_images_of_all_shapes_are_taken():
    images = tensor(2, 1, 7, 12)
    noisy = corruption.add_noise(images, (0, 0.5))
    assert noisy.shape == corruption.occlude(images)[0].shape == images.shape
    assert metrics.squared_error(noisy, images).shape == (2,)
    assert metrics.ssim(noisy.requires_grad_(), images).shape == (2,)
    assert latent.nearest(images, images, 2).shape == (2, 2)
