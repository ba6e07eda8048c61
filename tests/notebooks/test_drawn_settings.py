"""Every setting can be what its remark allows: the notebook runs, or a sentence says why not."""

import nbformat
import papermill
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from notebooks.runs import QUICK, complaints, run

from helpers.notebooks import ROOT
from helpers.teaching.settings import SettingsError

counts, shares = st.integers(1, 600), st.floats(0, 1)
# What a student may try: what the remarks allow, and what is next to it
TRIED = {
    "autoencoders_fc": {
        "LATENT_DIM": counts, "COMPONENTS": counts, "TRAIN_IMAGES": st.none() | st.just(256),
        "BETA": st.floats(0, 100), "DROPOUT": shares, "SIZES": st.lists(counts, max_size=3),
    },
    "autoencoders_conv": {
        "LATENT_DIM": counts, "FEW": counts, "COMPONENTS": counts, "BETA": st.floats(0, 100),
        "TRAIN_IMAGES": st.none() | st.just(256), "SKETCH": st.sampled_from(["pca", "fc"]),
        "SIGMA": shares | st.lists(shares, max_size=3), "SHARE": shares | st.lists(shares),
        "SIZES": st.lists(counts, max_size=3), "SMILES": shares,
        "STRENGTHS": st.floats(0, 4) | st.lists(st.floats(0, 4), max_size=3).map(sorted),
        "MIXTURES": st.lists(st.integers(1, 20), max_size=3), "DRAWS": st.integers(0, 3),
    },
    "cvae_mnist": {
        "LATENT_DIM": counts, "TRAIN_IMAGES": st.none() | st.integers(1, 2000),
        "COUPLINGS": st.integers(0, 3), "BLOCKS": st.integers(0, 2),
        "BETAS": st.floats(0, 10) | st.lists(st.floats(0, 10), max_size=2),
        "TEMPERATURES": st.floats(0, 2) | st.lists(st.floats(0, 2), max_size=2),
        "SAMPLES": st.integers(1, 400), "BOUND_DIGITS": st.integers(1, 40),
        "BOUND_DRAWS": st.integers(1, 10), "BATCH_SIZE": st.integers(1, 4000),
    },
}  # fmt: skip
# The ends of what the remarks allow, and what once died many cells later
ENDS = {
    "autoencoders_fc": {
        "LATENT_DIM": 2, "COMPONENTS": 2, "BETA": 0.0, "TRAIN_IMAGES": 256, "SIZES": [1],
    },
    "autoencoders_conv": {
        "LATENT_DIM": 1, "FEW": 1, "COMPONENTS": 1, "BETA": 0.0, "SIGMA": 0.2, "SIZES": [1],
        "SHARE": [0.9, 0.9], "TRAIN_IMAGES": 256, "STRENGTHS": [1.0], "MIXTURES": [1], "DRAWS": 1,
    },
    "cvae_mnist": {
        "LATENT_DIM": 24, "TRAIN_IMAGES": 200, "COUPLINGS": 0, "BETAS": [0.0], "DRAWS": 1,
        "TEMPERATURES": [1.0], "SAMPLES": 200, "BOUND_DIGITS": 2, "BOUND_DRAWS": 1,
    },
}  # fmt: skip

REFUSED = {
    "autoencoders_fc": [{"COMPONENTS": 300, "TRAIN_IMAGES": 256}],
    "autoencoders_conv": [
        {"SHARE": (1.0, 1.0)}, {"SIZES": [300], "TRAIN_IMAGES": 256}, {"STRENGTHS": 2.0},
    ],
    "cvae_mnist": [{"BOUND_DIGITS": 1}, {"BETAS": 1.0}],
}  # fmt: skip


def some_of(strategies):
    """A few settings, changed."""
    return st.fixed_dictionaries({}, optional=strategies)


def cells_until_the_data(name):
    """The imports, and what a student's settings go through until the data are loaded."""
    cells = nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells
    cells = [cell for cell in cells if cell.cell_type == "code"]
    at = next(i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    sources = [cell.source for cell in cells]
    return "\n".join(sources[1:at]), sources[at], sources[at + 1 : at + 3]


@pytest.fixture(scope="module", params=QUICK)
def start(request, environment, tmp_path_factory):
    """Runs the first cells of a notebook with its quick settings, some changed."""
    imports, settings_cell, after = cells_until_the_data(request.param)
    names = {"__name__": "student"}
    exec(imports, names)
    folder = {"OUTPUT_DIR": str(tmp_path_factory.mktemp("output"))}

    def start(changed):
        here = dict(names)
        exec(settings_cell, here)
        here |= QUICK[request.param] | folder | changed
        for cell in after:
            exec(cell, here)

    return request.param, start


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_drawn_setting_is_used_or_refused_in_a_sentence(start, data):
    name, start = start
    changed = data.draw(some_of(TRIED[name]))
    try:
        start(changed)
    except SettingsError as error:
        assert str(error).endswith("Change the settings cell and run it again.")


def test_what_would_stop_a_notebook_later_is_refused(start):
    name, start = start
    for changed in REFUSED[name]:
        with pytest.raises(SettingsError, match=next(iter(changed))):
            start(changed)


def check_a_run(name, folder, changed):
    try:
        notebook = run(name, folder, **changed)
    except papermill.PapermillExecutionError as error:
        assert error.ename == "SettingsError", f"cell {error.cell_index}: {error}"
    else:
        assert not complaints(notebook)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_notebook_runs_at_the_ends_of_its_settings(environment, tmp_path, name):
    check_a_run(name, tmp_path, ENDS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
@settings(
    max_examples=1, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=st.data())
def test_a_notebook_runs_in_drawn_settings(environment, tmp_path_factory, name, data):
    check_a_run(name, tmp_path_factory.mktemp(name), data.draw(some_of(TRIED[name]).filter(bool)))
