"""The README: its links and pictures are there, its numbers are the notebooks'."""

import json
import re

import pytest

from helpers.benchmark import plots as benchmark_plots
from helpers.results import tables as results
from helpers.results.readme import BEGIN, BENCHMARK, END, ROOT, render, update

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


def test_the_benchmark_is_the_one_that_was_run():
    begin, end = BENCHMARK
    shown = README.split(begin)[1].split(end)[0].strip()
    assert shown == benchmark_plots.render(ROOT / "output"), "out of date: make readme"


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
    details = lines[
        lines.index("<details><summary>All numbers, experiment by experiment</summary>") :
    ]
    assert [line for line in details if line.startswith("|")] == [
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


def test_a_goal_is_reached_or_missed(tmp_path):
    write_metrics(tmp_path / "fc_vanilla", test_mse=interval(0.99), pca_128={"test_mse": 1.0})
    write_metrics(tmp_path / "conv_vanilla", test_mse=interval(0.9))
    fully, conv = "MSE from 128 numbers, fully connected", "MSE from 128 numbers, convolutional"
    rows = {line.split(" | ")[0]: line for line in results.table(tmp_path).splitlines()}
    assert rows[f"| {fully}"].endswith("| PCA 1 | at most 0.98 x = 0.98 | **missed** |")
    assert rows[f"| {conv}"].endswith(
        "| 0.9 (0.4 to 1.4) | PCA 1 | at most 0.92 x = 0.92 | reached |"
    )


def test_the_list_of_results_is_that_of_the_metrics(tmp_path):
    listed = json.loads((ROOT / "output" / "results.json").read_text(encoding="utf-8"))
    assert listed == results.collect(ROOT / "output"), "results.json is out of date: make readme"
    assert {(r["experiment"], r["metric"]) for r in listed} == results.RESULTS.keys()
    write_metrics(tmp_path / "conv_vae", test_mse=interval(1.5), active_units=7)
    results.write(tmp_path)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == [
        {"experiment": "conv_vae", "metric": "test_mse", **interval(1.5)},
        {"experiment": "conv_vae", "metric": "active_units", "value": 7, "low": None, "high": None,
         "n": None},
    ]  # fmt: skip


def test_update_writes_between_the_markers_and_nowhere_else(tmp_path):
    readme = tmp_path / "README.md"
    blocks = "between".join(f"\n{begin}\nold\n{end}\n" for begin, end in ((BEGIN, END), BENCHMARK))
    readme.write_text(f"before{blocks}after\n", encoding="utf-8")
    assert update(readme, tmp_path)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "\nbetween\n" in text
    assert not update(readme, tmp_path)


@pytest.mark.fault("refused")
def test_update_refuses_a_readme_without_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must have the lines"):
        update(readme, tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
@pytest.mark.fault("refused")
def test_damaged_metrics_are_named(tmp_path, content):
    (tmp_path / "cvae").mkdir()
    (tmp_path / "cvae" / "metrics.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.json is damaged"):
        render(tmp_path)


def test_the_table_of_faults_is_that_of_the_tests():
    """Every test that injects a fault is in it, and all that it names are there."""
    table = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/test_*.py"))
    fault = r"@pytest\.mark\.fault\(.*\)\n(?:@.*\n|[ )].*\n)*def (test_\w+)"
    named = set(re.findall(r"`(test_\w+)`", table))
    assert sorted(set(re.findall(fault, tests)) - named) == []
    assert not [name for name in named if f"def {name}(" not in tests
                and not (ROOT / "tests" / f"{name}.py").exists()]  # fmt: skip
