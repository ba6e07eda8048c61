"""The README: its links and pictures are there, its numbers are the notebooks'."""

import json
import re

import pytest

from helpers.readme import BEGIN, END, ROOT, render, update

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
LINKS = re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", PROSE)


def anchor(heading):
    """The anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


@pytest.mark.parametrize("target", sorted({target for _, _, target in LINKS}))
def test_a_link_leads_somewhere(target):
    if target.startswith("https://"):
        return
    path, _, fragment = target.partition("#")
    file = ROOT / path if path else ROOT / "README.md"
    assert file.exists(), f"{path} is linked and is not there"
    if fragment:
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert fragment in map(anchor, headings)


def test_every_picture_says_what_is_seen():
    pictures = [(alt, target) for bang, alt, target in LINKS if bang]
    assert pictures
    assert not [target for alt, target in pictures if len(alt) < 15]


def test_the_results_are_those_of_the_notebooks():
    shown = README.split(BEGIN)[1].split(END)[0].strip()
    assert shown == render(ROOT / "output"), "the README is out of date: make readme"


def write_metrics(folder, **metrics):
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


def interval(value):
    return {"value": value, "low": value - 0.5, "high": value + 0.5, "n": 9}


def test_each_kind_of_metric_gets_its_place(tmp_path):
    write_metrics(
        tmp_path / "conv_vanilla", test_mse=interval(1.5), units=7, pca_128={"test_mse": 2.25}
    )
    write_metrics(
        tmp_path / "conv_denoising", psnr_1={"skips": 30.0, "mean": 20.0}, psnr_2={"mean": 10.0}
    )
    write_metrics(tmp_path / "cvae", kl=2.0, test_mse=1.0, pca_test_mse=4.0, units=3)
    lines = render(tmp_path).splitlines()
    assert [line for line in lines if line.startswith("|")] == [
        "|  | MSE | units |",
        "| --- | ---: | ---: |",
        "| this model | 1.5 (1 to 2) | 7 |",
        "| PCA, 128 numbers | 2.25 |  |",
        "|  | psnr 1 | psnr 2 |",
        "| --- | ---: | ---: |",
        "| skips | 30 |  |",
        "| mean | 20 | 10 |",
        "|  | this model | PCA |",
        "| --- | ---: | ---: |",
        "| KL, nats | 2 |  |",
        "| MSE | 1 | 4 |",
        "| units | 3 |  |",
    ]


def test_update_writes_between_the_markers_and_nowhere_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert update(readme, tmp_path)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert not update(readme, tmp_path)


def test_update_refuses_a_readme_without_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must have the lines"):
        update(readme, tmp_path)


def test_damaged_metrics_are_named(tmp_path):
    (tmp_path / "cvae").mkdir()
    (tmp_path / "cvae" / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.json is damaged"):
        render(tmp_path)
