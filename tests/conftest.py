"""What tests share: faces, their order, and the count of the faults that were injected."""

import threading
from collections import Counter

import pytest
from tqdm import tqdm

from helpers.synthetic import render_faces, sample_faces
from helpers.training import to_tensor

pytest.register_assert_rewrite("face_models")
# tqdm's own lock is shared with forks: one that is killed while it holds it would stop us all
tqdm.set_lock(threading.RLock())
OUTCOMES = ("survived", "refused")
KINDS = (*OUTCOMES, "counted")


@pytest.fixture(scope="session")
def faces():
    """64 generated faces, uint8 (64, 3, 64, 64)."""
    return to_tensor(render_faces(sample_faces(64, seed=1)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Longest first, what shares a fixture together, and faults counted.

    A test marked `fault` counts as one, or counts its faults itself, by `record_property`.
    """
    items.sort(key=lambda item: not item.get_closest_marker("slow"))
    for item in items:
        # By file, and by notebook in the file that runs them: where pytest-xdist has many processes
        notebook = getattr(item, "callspec", None) and item.callspec.params.get("executed")
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {notebook or ''}".strip()))
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
