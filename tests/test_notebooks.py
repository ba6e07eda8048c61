"""The three notebooks: as they are committed, and run whole in a quick setting on the stand-ins."""

import os
import re
from types import SimpleNamespace

import nbformat
import pytest
from notebook_runs import SOURCES, complaints, pixels, run, text_of
from PIL import Image

from helpers.notebooks import ROOT
from helpers.teaching.settings import SettingsError, check_settings

FIGURES = {
    "autoencoders_fc": """
        fc_vanilla/fc_example_0 fc_vanilla/fc_example_1 fc_vanilla/to_smile_fc
        fc_vanilla/sample_fc fc_vanilla/neighbours_fc fc_vanilla/interpolation_fc
        fc_vae/fc_vae_example_0 fc_vae/fc_vae_example_1 fc_vae/sample_fc_vae
    """,
    "autoencoders_conv": """
        conv_vanilla/conv_example_0 conv_vanilla/conv_example_1 conv_vanilla/to_smile_conv
        conv_vanilla/attributes_conv conv_vanilla/failures_conv conv_vanilla_32/conv_32
        conv_denoising/conv_denoising_0 conv_denoising/conv_denoising_1
        conv_denoising/conv_denoising_2
        conv_occlusion/conv_occlusion_0 conv_occlusion/conv_occlusion_1
        conv_occlusion/conv_occlusion_2
        conv_vae/conv_vae_example_0 conv_vae/conv_vae_example_1 conv_vae/sample_conv_vae
        conv_vae/interpolation_conv_vae
    """,
    "cvae_mnist": """
        cvae/cvae_all_digits cvae/cvae_fives cvae/cvae_sevens cvae/cvae_reconstruction
        cvae/cvae_style_transfer cvae/cvae_latent cvae/cvae_frontier
    """,
}
MACHINE_PATHS = re.compile(r"/(?:home|root|tmp|usr|work|Users|opt|var)/|site-packages|[A-Z]:\\\\")


def again_from_the_bottom(notebook):
    """The notebook, a copy of what it wrote, then every cell once more from bottom to top."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    again = [c.source for c in reversed(cells) if "parameters" not in c.metadata.get("tags", [])]
    copy = 'import shutil\nshutil.copytree(OUTPUT_DIR, OUTPUT_DIR + "_of_first")'
    notebook.cells += map(nbformat.v4.new_code_cell, [copy, *again])
    return notebook, len(again)


@pytest.fixture(scope="module", params=SOURCES)
def executed(request, environment, tmp_path_factory):
    """A notebook that was run from top to bottom and then, in the same kernel, back to the top."""
    folder = tmp_path_factory.mktemp(request.param)
    notebook = nbformat.read(ROOT / f"{request.param}.ipynb", as_version=4)
    there_and_back, count = again_from_the_bottom(notebook)
    nbformat.write(there_and_back, folder / "there_and_back.ipynb")
    paths = folder / "executed.ipynb", folder / "there_and_back.ipynb"
    notebook = run(request.param, folder / "output", *paths)
    back = nbformat.v4.new_notebook(cells=notebook.cells[-count:])
    return SimpleNamespace(name=request.param, notebook=notebook, back=back, folder=folder)


@pytest.mark.slow
def test_a_run_ends_without_an_error_or_a_warning(executed):
    assert not complaints(executed.notebook)


@pytest.mark.slow
def test_a_run_writes_every_figure_and_nothing_among_the_published(executed):
    output = executed.folder / "output"
    for figure in FIGURES[executed.name].split():
        path = output / "standin" / f"{figure}.png"
        assert path.exists(), f"{figure}.png was not written"
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG" and min(image.size) > 100
            assert len(image.convert("L").getcolors()) > 10, f"{figure}.png is empty"
    assert [path.name for path in output.iterdir()] == ["standin"]


@pytest.mark.slow
def test_a_run_writes_metrics_weights_and_no_left_overs(executed):
    standin = executed.folder / "output" / "standin"
    for name in {figure.split("/")[0] for figure in FIGURES[executed.name].split()}:
        assert (standin / name / "metrics.json").stat().st_size > 10
        assert (standin / name / "model.safetensors").stat().st_size > 1000
    names = [path.name for path in standin.rglob("*") if path.is_file()]
    assert not [name for name in names if "part" in name or "checkpoint" in name]


@pytest.mark.slow
@pytest.mark.fault("survived")
def test_cells_run_in_another_order_draw_the_very_pixels_and_train_nothing(executed):
    assert ": training, there are no weights" in text_of(executed.notebook)
    assert ": training, " not in text_of(executed.back)
    first, again = (pixels(executed.folder / name) for name in ("output_of_first", "output"))
    assert first.keys() == again.keys()
    assert not [name for name in first if first[name] != again[name]]


@pytest.mark.slow
def test_a_run_on_stand_ins_downloads_nothing(executed, environment):
    assert not os.listdir(environment / "DATA_DIR")


@pytest.mark.parametrize("name", SOURCES)
def test_the_settings_are_checked_and_those_committed_are_good(name):
    cells = nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    place = [cell.metadata.get("tags", []) for cell in code].index(["parameters"])
    assert code[place + 1].source.startswith("check_settings(globals())\n")
    settings = {}
    exec(code[place].source, settings)
    check_settings(settings)
    for setting in ("SEED", "SOURCE", "OUTPUT_DIR", "RETRAIN", "LATENT_DIM", "EPOCHS", "LR"):
        with pytest.raises(SettingsError, match=f"^{setting} must be "):
            check_settings(settings | {setting: None})


@pytest.fixture(scope="module", params=SOURCES)
def committed(request):
    path = ROOT / f"{request.param}.ipynb"
    return SimpleNamespace(path=path, notebook=nbformat.read(path, as_version=4))


def test_every_figure_is_published_and_in_the_readme(committed):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for figure in FIGURES[committed.path.stem].split():
        path = ROOT / "output" / f"{figure}.png"
        assert path.exists(), f"{figure}.png is missing"
        assert path.stat().st_size < 500_000
        assert f"](output/{figure}.png)" in readme, f"the README does not show {figure}.png"


def test_a_committed_notebook_is_valid_and_small(committed):
    nbformat.validate(committed.notebook)
    assert committed.path.stat().st_size < 3_000_000
    assert committed.notebook.metadata.kernelspec.name == "python3"


def test_a_committed_notebook_was_run_from_top_to_bottom(committed):
    counts = [cell.execution_count for cell in committed.notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it anew: make publish"


def test_a_committed_notebook_has_no_error_and_no_warning(committed):
    assert not complaints(committed.notebook)


def test_a_committed_notebook_was_run_on_the_real_data(committed):
    assert "NOTE: stand-in" not in text_of(committed.notebook)
    assert "NOTE: 5,000 digits" not in text_of(committed.notebook)


def test_a_committed_notebook_has_no_trace_of_the_machine_it_ran_on(committed):
    found = []
    for number, cell in enumerate(committed.notebook.cells, start=1):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", "")]
            texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
        found += [f"cell {number}: {t[:200]}" for t in texts if MACHINE_PATHS.search(t)]
    assert not found
    assert "papermill" not in committed.notebook.metadata
    for cell in committed.notebook.cells:
        assert cell.metadata.keys() <= {"tags", "jupyter"}
        if "jupyter" in cell.metadata:  # solutions are folded
            assert cell.metadata.jupyter == {"source_hidden": True}
        assert "injected-parameters" not in cell.metadata.get("tags", [])


def test_a_committed_notebook_has_one_settings_cell_and_definitions(committed):
    tags = [tag for cell in committed.notebook.cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("parameters") == 1 and tags.count("definitions") >= 2
