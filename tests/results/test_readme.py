"""The list of results, the table and the page that are made of what the notebooks left."""

import pytest
from PIL import Image, PngImagePlugin

from helpers.results import readme
from helpers.results.experiments import Experiments

GAIN = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 9}


@pytest.fixture
def output(tmp_path):
    for data in ({"faces": "lfw-deepfunneled"}, {"faces": "synthetic"}):
        experiments = Experiments(tmp_path, data, notebook="autoencoders_fc")
        experiments.record("fc_plain", weights="model-01234567.safetensors", test_mse=2.5, seeds=3)
        experiments.record("fc/deep", psnr={"non-local means": 28.0, "0.1, skips": {"a": GAIN}})
        experiments.summary(
            [
                {"what": "1000 x MSE", "ours": 0.002, "baseline_name": "PCA", "times": 1000,
                 "baseline": {"value": 0.0015, "low": 0.001, "high": 0.002}, "difference": GAIN},
                {"what": "samples", "ours": 7},
            ]
        )  # fmt: skip
    words = PngImagePlugin.PngInfo()
    words.add_itxt("Title", "Faces [first]\nand second")
    Image.new("RGB", (2, 2)).save(tmp_path / "fc" / "deep" / "faces.png", pnginfo=words)
    Image.new("RGB", (2, 2)).save(tmp_path / "fc_plain" / "no_title.png")
    return tmp_path


def test_every_number_of_the_published_results_is_in_the_list(output):
    none = {"low": None, "high": None, "n": None}
    assert readme.collect(output) == [
        {"experiment": "fc/deep", "metric": "psnr_non_local_means", "value": 28.0, **none},
        {"experiment": "fc/deep", "metric": "psnr_0.1_skips_a", **GAIN},
        {"experiment": "fc_plain", "metric": "test_mse", "value": 2.5, **none},
        {"experiment": "fc_plain", "metric": "seeds", "value": 3, **none},
    ]


def test_the_table_has_the_rows_that_the_notebooks_left(output):
    path = output / "README.md"
    path.write_text(f"# Title\n{readme.BEGIN}\nold\n{readme.END}\nlast\n", encoding="utf-8")
    for _ in range(2):
        readme.update(path, output)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Title\n") and text.endswith("\nlast\n") and "old" not in text
    assert [line for line in text.splitlines() if line.startswith("| ")][2:] == [
        "| 1000 x MSE | 2 | PCA: 1.5 (1 to 2) | 500 (250 to 750) |",
        "| samples | 7 |  |  |",
    ]
    path.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must have the lines"):
        readme.update(path, output)


def test_the_page_shows_each_figure_with_its_title_and_each_number(output):
    page = readme.page(output)
    assert "## fc/deep\n\n![Faces (first) and second](fc/deep/faces.png)\n" in page
    assert "| psnr 0.1 skips a | 0.5 (0.25 to 0.75) |" in page
    assert "![no title](fc_plain/no_title.png)" in page and "standin" not in page


@pytest.mark.parametrize("content", ["", "{", "\0"])
def test_damaged_metrics_are_named(output, content):
    (output / "fc_plain" / "metrics.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.json is damaged"):
        readme.page(output)
