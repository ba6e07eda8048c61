"""The list of results and the tables that are made of what the notebooks measured."""

import json

import pytest

from helpers.results import readme, tables


def write(output, name, **metrics):
    (output / name).mkdir(parents=True, exist_ok=True)
    (output / name / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


def interval(value, width=0.5):
    return {"value": value, "low": value - width, "high": value + width, "n": 9}


@pytest.fixture
def output(tmp_path):
    pca = {"test_mse": interval(2.0)}
    write(tmp_path, "fc_vanilla", test_mse=interval(1.5), pca_128=pca, made_of="photos")
    write(tmp_path, "conv_plain", test_mse=2.5, mse_minus_pca=interval(0.5))
    write(
        tmp_path,
        "conv_denoising",
        **{"psnr_sigma_0.1": {"skips": 30.0, "non-local means": 28.0, "PCA projection": 29.0},
           "psnr_gain_sigma_0.1": interval(1.0), "psnr_sigma_0.2": {"skips": 27.0, "wavelets": 24.0,
           "total variation": 25.0}, "psnr_gain_sigma_0.2": interval(3.0)},
    )  # fmt: skip
    for hidden in ("own", "standin", "executed"):
        write(tmp_path, f"conv_plain/{hidden}", test_mse=9.0)
    return tmp_path


def test_the_table_says_ours_the_strongest_baseline_and_their_difference(output):
    assert tables.table(output).splitlines()[2:] == [
        "| 1000 x MSE, fully-connected autoencoder | 1500 (1000 to 2000) "
        "| PCA, 128 numbers: 2000 (1500 to 2500) |  |",
        "| 1000 x MSE, plain convolutional autoencoder | 2500 "
        "| PCA, 128 numbers: 2000 (1500 to 2500) | 500 (0 to 1000) |",
        "| PSNR in dB, denoising, sigma 0.1 | 30 | PCA projection: 29 | 1 (0.5 to 1.5) |",
        # The difference that was recorded is against the weaker one: it does not stand there
        "| PSNR in dB, denoising, sigma 0.2 | 27 | total variation: 25 |  |",
    ]


def test_every_measure_is_in_the_list(output):
    found = {(entry["experiment"], entry["metric"]): entry for entry in tables.collect(output)}
    assert found["pca_128", "test_mse"]["value"] == 2.0
    assert found["conv_plain", "test_mse"] == {
        "experiment": "conv_plain", "metric": "test_mse", "value": 2.5,
        "low": None, "high": None, "n": None,
    }  # fmt: skip
    assert found["conv_denoising", "psnr_sigma_0.1_non_local_means"]["value"] == 28.0
    assert ("fc_vanilla", "made_of") not in found and len(found) == 12
    write(output, "conv_occlusion", psnr_inside={"skips": 24.0})
    found = {(entry["experiment"], entry["metric"]) for entry in tables.collect(output)}
    assert ("conv_occlusion", "psnr_inside") in found


def test_update_refuses_a_readme_without_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must have the lines"):
        readme.update(path, tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_damaged_metrics_are_named(tmp_path, content):
    (tmp_path / "cvae").mkdir()
    (tmp_path / "cvae" / "metrics.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.json is damaged"):
        readme.gallery(tmp_path)
