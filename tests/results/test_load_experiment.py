"""What the notebooks define, and the models that they have trained, from outside of them."""

import os

import nbformat
import pandas as pd
import pytest
import torch

from helpers import notebooks
from helpers.notebooks import definitions, load_experiment
from helpers.results.weights import save_weights

HISTORY = pd.DataFrame({"epoch": [1], "seconds": [1.0]})
NET = """class Net(torch.nn.Linear):
    def __init__(self, latent_dim):
        super().__init__(2, latent_dim)
        self.latent_dim = latent_dim"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository of one notebook, with one model; returns a function that adds cells to it."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    cells = [
        nbformat.v4.new_code_cell("import torch", metadata={"tags": ["definitions"]}),
        nbformat.v4.new_code_cell("raise RuntimeError('only definitions may run'); secret = 3"),
        nbformat.v4.new_code_cell(NET, metadata={"tags": ["definitions"]}),
        nbformat.v4.new_markdown_cell("Text.", metadata={"tags": ["definitions of words"]}),
    ]

    def add(source=None):
        if source is not None:
            cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": ["definitions"]}))
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "cvae_mnist.ipynb")

    add()
    return add


def keep(path, latent_dim=4, name="Net", arguments=None):
    net = definitions("cvae_mnist").Net(latent_dim)
    net.__class__ = type(name, (type(net),), {})
    arguments = {"latent_dim": latent_dim} if arguments is None else arguments
    save_weights(path, net, {"model": arguments}, HISTORY, path.parent / "shared")
    return net


def test_only_the_definitions_of_a_notebook_are_run(course):
    module = definitions("cvae_mnist")
    assert module.Net(5).latent_dim == 5 and module.Net.__module__ == "cvae_mnist"
    assert "Net" not in globals()


@pytest.mark.parametrize("module", ["get_dataset", "helpers.data.lfw", "cvae_mnist"])
def test_what_our_own_code_uses_must_not_be_deprecated(module):
    """Warnings from notebooks' definitions too are errors: see pyproject.toml."""
    with pytest.raises(DeprecationWarning, match="old"):
        exec("import warnings; warnings.warn('old', DeprecationWarning)", {"__name__": module})


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("%matplotlib inline", "SyntaxError"),
        ("size = secret", "NameError: name 'secret' is not defined"),
        ("import no_such_module", "ModuleNotFoundError"),
    ],
)
def test_a_cell_that_does_not_run_alone_is_named(course, source, why):
    course(source)
    with pytest.raises(ImportError, match=f"^cvae_mnist.ipynb, cell 5 fails: {why}") as error:
        definitions("cvae_mnist")
    assert "without magics" in str(error.value)


def test_a_trained_model_in_two_lines(course, tmp_path, capsys):
    net = keep(tmp_path / "cvae" / "model.safetensors")
    loaded = load_experiment("cvae", tmp_path)
    assert loaded.latent_dim == 4 and not loaded.training
    assert torch.equal(loaded.weight, net.weight.half().float())
    assert capsys.readouterr().out == ""


def test_ones_own_weights_are_found_too_and_it_is_said_which_are_taken(course, tmp_path, capsys):
    own = tmp_path / "cvae" / "own"
    with pytest.raises(FileNotFoundError, match="no weights of your own in .*own yet"):
        load_experiment("cvae", tmp_path, own=True)
    keep(own / "older.safetensors", latent_dim=5)
    os.utime(own / "older.safetensors", (0, 0))
    keep(own / "newer.safetensors", latent_dim=6)
    (own / ".newest.1.part.safetensors").write_bytes(b"of a process that was killed")
    assert load_experiment("cvae", tmp_path).latent_dim == 6
    keep(tmp_path / "cvae" / "model.safetensors")
    assert load_experiment("cvae", tmp_path, own=True).latent_dim == 6
    assert load_experiment("cvae", tmp_path, own=False).latent_dim == 4
    assert capsys.readouterr().out == ""
    assert load_experiment("cvae", tmp_path).latent_dim == 4
    assert "model.safetensors is taken; your own newer.safetensors with own=True" in (
        capsys.readouterr().out
    )


def test_what_is_unknown_or_not_there_is_named_with_what_there_is(course, tmp_path):
    with pytest.raises(FileNotFoundError, match="no notebook gan.ipynb; there are: cvae_mnist"):
        definitions("gan")
    with pytest.raises(ValueError, match="no experiment 'gan'; choose one of fc_plain, "):
        load_experiment("gan")
    with pytest.raises(FileNotFoundError, match="there are no weights at"):
        load_experiment("cvae", tmp_path)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("torch", {}, "'torch' is no model"),
        ("Gone", {}, "'Gone' is no model"),
        ("Net", {}, "latent_dim"),
        ("Net", {"latent_dim": 5}, "Net"),
        ("Net", {"latent_dim": 10**15}, "memory|alloc|bytes"),
    ],
)
def test_weights_that_do_not_fit_the_notebook(course, tmp_path, name, arguments, message):
    path = tmp_path / "cvae" / "model.safetensors"
    keep(path, name=name, arguments=arguments)
    with pytest.raises(ValueError, match=f"does not fit cvae_mnist.ipynb .*{message}") as error:
        load_experiment("cvae", tmp_path)
    assert str(path) in str(error.value) and "restore both with git" in str(error.value)
