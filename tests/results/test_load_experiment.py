"""What the notebooks define, and the models that they have trained, from outside of them."""

import nbformat
import pandas as pd
import pytest
import torch

from helpers import notebooks
from helpers.notebooks import definitions, load_experiment
from helpers.results.experiments import Experiments

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

    def add(source=None, at=None):
        if source is not None:
            tags = {"tags": ["definitions"]}
            cells[at:] = [nbformat.v4.new_code_cell(source, metadata=tags)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "nets.ipynb")

    add()
    return add


def no_training(model):
    return pd.DataFrame({"epoch": [1], "seconds": [1.0]})


def keep(output, latent_dim=4):
    """Train a Net as its notebook does, and leave it below `output`."""
    experiments = Experiments(output, {"digits": "mnist"}, notebook="nets")
    net = definitions("nets").Net(latent_dim)
    experiments.load_or_train_with("maps/net", net, no_training)
    return net


def test_only_the_definitions_of_a_notebook_are_run(course):
    module = definitions("nets")
    assert module.Net(5).latent_dim == 5 and module.Net.__module__ == "nets"
    assert "Net" not in globals()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("%matplotlib inline", "SyntaxError"),
        ("size = secret", "NameError: name 'secret' is not defined"),
        ("import no_such_module", "ModuleNotFoundError"),
    ],
)
def test_a_cell_that_does_not_run_alone_is_named(course, source, why):
    course(source, at=4)
    with pytest.raises(ImportError, match=f"^nets.ipynb, cell 5 fails: {why}") as error:
        definitions("nets")
    assert "without magics" in str(error.value)


def test_a_trained_model_in_two_lines_is_the_one_that_was_used_last(course, tmp_path, capsys):
    for latent_dim in (4, 6, 4):
        net = keep(tmp_path / "output", latent_dim)
        capsys.readouterr()
        loaded = load_experiment("maps/net", tmp_path / "output")
        assert loaded.latent_dim == latent_dim and not loaded.training
        assert torch.equal(loaded.weight, net.weight)
        assert capsys.readouterr().out == ""


def test_what_is_unknown_or_not_there_is_named_with_what_there_is(course, tmp_path):
    with pytest.raises(FileNotFoundError, match="no notebook gan.ipynb; there are: nets"):
        definitions("gan")
    keep(tmp_path)
    keep(tmp_path / "standin")
    with pytest.raises(FileNotFoundError, match="no weights of an experiment 'gan'.*: maps/net$"):
        load_experiment("gan", tmp_path)
    for path in tmp_path.rglob("model-*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="there are no weights at"):
        load_experiment("maps/net", tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Net = torch", "'Net' is no model"),
        ("", "'Net' is no model"),
        (NET.replace("latent_dim)", "width)"), "latent_dim"),
        (NET.replace("(2,", "(3,"), "Net"),
    ],
)
def test_weights_that_do_not_fit_the_notebook_are_named(course, tmp_path, source, message):
    keep(tmp_path)
    course(source, at=2)
    with pytest.raises(ValueError, match=f"does not fit nets.ipynb .*{message}") as error:
        load_experiment("maps/net", tmp_path)
    assert str(tmp_path / "maps/net") in str(error.value)
    assert "restore both with git" in str(error.value)
