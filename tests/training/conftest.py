import pytest
from small import smooth_images


@pytest.fixture(scope="session")
def images():
    return smooth_images()
