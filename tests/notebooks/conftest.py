import pytest

from helpers.analysis.pca import fit_pca


@pytest.fixture(scope="session")
def pca(faces):
    """The first 32 components of the faces: what many of the notebooks' models start from."""
    return fit_pca(faces, 32)
