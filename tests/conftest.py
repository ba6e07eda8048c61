"""What tests share: faces, and an environment without the user's settings."""

import threading

import pytest
from tqdm import tqdm

from helpers.data.tensors import to_tensor
from helpers.synthetic.faces import render_faces, sample_faces

pytest.register_assert_rewrite("notebooks.runs")
# tqdm's own lock is shared with forks: one that is killed while it holds it would stop us all
tqdm.set_lock(threading.RLock())


def pytest_collection_modifyitems(items):
    """The notebooks' runs first: they take longest, and the other workers do the rest."""
    items.sort(key=lambda item: item.path.name != "test_runs.py")


@pytest.fixture(scope="session")
def faces():
    """64 generated faces, uint8 (64, 3, 64, 64)."""
    return to_tensor(render_faces(sample_faces(64, seed=1)))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """No data, no settings of the user's, the kernel of this environment; as in the Makefile."""
    folder = tmp_path_factory.mktemp("environment")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_PATH", "MPLBACKEND"):
            patch.delenv(name, raising=False)
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        for name in ("DATA_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"):
            (folder / name).mkdir()
            patch.setenv(name, str(folder / name))
        yield folder
