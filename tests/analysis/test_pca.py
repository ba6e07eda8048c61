"""PCA, the baseline: as scikit-learn finds it, as a layer, and kept on disk."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from helpers.analysis.latent import predict
from helpers.analysis.pca import PCALayer, fit_pca, load_or_fit_pca
from helpers.data import cache
from helpers.data.tensors import to_unit


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE_DIRS", [tmp_path])
    return tmp_path


@pytest.fixture(scope="module")
def images():
    """Forty images with a few directions that matter."""
    generator = torch.Generator().manual_seed(0)
    strength = 0.6 ** torch.arange(12)
    patterns = torch.randn(12, 3 * 8 * 8, generator=generator) * strength[:, None]
    images = 128 + 20 * torch.randn(40, 12, generator=generator) @ patterns
    return images.clamp(0, 255).byte().view(-1, 3, 8, 8)


def test_the_layer_is_scikit_learns_pca_with_codes_of_variance_1(images):
    expected = PCA(5, svd_solver="full").fit(to_unit(images).flatten(1).numpy())
    vectors = expected.transform(to_unit(images).flatten(1).numpy())
    pca = fit_pca(images, 5)
    codes = predict(pca.encode, images)
    assert torch.allclose(codes.std(0), torch.ones(5), atol=1e-3)
    assert np.allclose(abs(codes * pca.scale), abs(vectors), atol=1e-3)
    recon = expected.inverse_transform(vectors).reshape(-1, 3, 8, 8)
    assert np.allclose(predict(pca, images), recon, atol=1e-4)
    assert not list(pca.parameters()) and not pca.training


def test_all_components_give_the_images_back(images):
    pca = fit_pca(images, 40)
    assert torch.allclose(predict(pca, images), to_unit(images), atol=1e-4)
    assert pca.scale.min() > 0  # of the last one too, which has no variance
    with pytest.raises(ValueError, match="images must be uint8, 0 to 255, got a float32 tensor"):
        fit_pca(to_unit(images), 40)


def test_one_pca_serves_all_numbers_of_components(images):
    pca = fit_pca(images, 6)
    few, x = pca.first(3), to_unit(images)
    assert few.basis.shape == (3, 3 * 8 * 8)
    torch.testing.assert_close(few.encode(x), pca.encode(x)[:, :3])
    torch.testing.assert_close(few(x), pca.decode(pca.encode(x)[:, :3]))
    layer = PCALayer(4, size=8)
    assert (layer(x) == 0).all()
    assert torch.equal(layer.start_from_pca(pca).basis, pca.basis[:4])


@pytest.mark.parametrize(("components", "size"), [(7, 8), (3, 9)])
def test_a_layer_cannot_start_from_what_has_less(images, components, size):
    with pytest.raises(ValueError, match=rf"at least {components} components of {size}x{size} im"):
        PCALayer(components, size).start_from_pca(fit_pca(images, 6))


def test_a_pca_that_was_kept_is_the_one_that_was_fitted(images, folder):
    fitted = fit_pca(images, 5)
    first, kept = load_or_fit_pca(images, 5), load_or_fit_pca(images, 5)
    assert len(list(folder.glob("pca-*"))) == 1
    for pca in (first, kept):
        torch.testing.assert_close(pca.state_dict(), fitted.state_dict())
    other = load_or_fit_pca(255 - images, 5)
    assert (other.mean != first.mean).any() and len(list(folder.glob("pca-*"))) == 2
