"""What tests share: faces, an environment, and the count of the faults that were injected."""

import threading
from collections import Counter

import pytest
from tqdm import tqdm

from helpers.synthetic.faces import render_faces, sample_faces
from helpers.training.loop import to_tensor

pytest.register_assert_rewrite("face_models", "notebook_runs")
# tqdm's own lock is shared with forks: one that is killed while it holds it would stop us all
tqdm.set_lock(threading.RLock())
OUTCOMES = ("survived", "refused")
KINDS = (*OUTCOMES, "counted")


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


def pytest_collection_modifyitems(items):
    """A test marked `fault` counts as one, or counts its faults itself, by `record_property`.

    The longest come first, so that no process is left with one of them at the end.
    """
    items.sort(key=lambda item: not item.get_closest_marker("slow"))
    for item in items:
        for mark in item.iter_markers("fault"):
            (outcome,) = mark.args
            assert outcome in KINDS, f"{item.nodeid} is marked {outcome!r}"
            item.user_properties.append((outcome, 1))


def pytest_terminal_summary(terminalreporter):
    faults = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, number in report.user_properties:
            faults[name] += number
    for result in ("failed", "error"):
        for report in terminalreporter.getreports(result):
            faults["wrong"] += any(name in KINDS for name, _ in report.user_properties)
    survived, refused, wrong = (faults[name] for name in (*OUTCOMES, "wrong"))
    if total := survived + refused + wrong:
        terminalreporter.write_line(
            f"faults injected: {total:,}, survived: {survived:,}, "
            f"refused with a clear message: {refused:,}, wrong: {wrong:,}"
        )
