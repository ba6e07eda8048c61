"""What a sweep has found is kept, and never taken for what other settings would find."""

import matplotlib.pyplot as plt
import pytest

from helpers.figures.plots import save, show_saved
from helpers.results.experiments import Experiment


class Sweep:
    """What `load_or_measure` calls when it measures; counts how often, draws a figure."""

    def __init__(self, experiment, value=1.5):
        self.experiment, self.value, self.calls = experiment, value, 0

    def __call__(self):
        self.calls += 1
        fig, ax = plt.subplots(figsize=(1, 1))
        ax.plot([0, self.value])
        save(fig, self.experiment.figure("sweep"))
        return {"2": self.value}

    def run(self, settings, **options):
        return self.experiment.load_or_measure(settings, self, ["sweep"], **options)


@pytest.fixture
def sweep(tmp_path):
    return Sweep(Experiment("latent_dims", "lfw", tmp_path))


def test_it_is_measured_once(sweep):
    assert sweep.run({"sizes": (2, 8)}) == {"2": 1.5}
    sweep.value = 3.0
    assert sweep.run({"sizes": [2, 8]}) == {"2": 1.5}
    assert sweep.calls == 1
    assert sweep.run({"sizes": [2, 8]}, retrain=True) == {"2": 3.0}
    assert sweep.run({"sizes": [2, 8]}) == {"2": 3.0}
    assert sweep.calls == 2


@pytest.mark.fault("survived")
def test_other_settings_are_measured_and_leave_the_published_file(sweep):
    sweep.run({"sizes": [2]})
    published = sweep.experiment.folder / "measured.json"
    before = published.read_bytes()
    sweep.value = 3.0
    assert sweep.run({"sizes": [8]}) == {"2": 3.0}
    assert sweep.run({"sizes": [8]}) == {"2": 3.0}
    assert sweep.calls == 2 and published.read_bytes() == before


@pytest.mark.fault("survived")
def test_the_figure_of_other_settings_is_not_shown(sweep):
    sweep.run({"sizes": [2]})
    sweep.value = 3.0
    sweep.run({"sizes": [8]})  # draws over the figure
    sweep.value = 1.5
    assert sweep.run({"sizes": [2]}) == {"2": 1.5}
    assert sweep.calls == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"settings": {"sizes": [2]}}', "\x00\xff"])
@pytest.mark.fault("survived")
def test_a_damaged_file_is_measured_again(sweep, content):
    sweep.run({"sizes": [2]})
    (sweep.experiment.folder / "measured.json").write_text(content, encoding="latin-1")
    assert sweep.run({"sizes": [2]}) == {"2": 1.5}
    assert sweep.calls == 2


@pytest.mark.fault("survived")
def test_a_missing_figure_is_drawn_again(sweep):
    sweep.run({"sizes": [2]})
    sweep.experiment.figure("sweep").unlink()
    sweep.run({"sizes": [2]})
    assert sweep.calls == 2 and sweep.experiment.figure("sweep").exists()
    show_saved(sweep.experiment.figure("sweep"))


def test_a_figure_that_nobody_saved_is_said(sweep):
    with pytest.raises(FileNotFoundError, match="run the cell that draws it"):
        show_saved(sweep.experiment.figure("other"))
