"""What is in output/ is whole, of one run, and says what the course's text claims."""

import json
import re

import pytest
from PIL import Image

from helpers.notebooks import ROOT, load_experiment
from helpers.results import readme
from helpers.results.experiments import read_json
from helpers.system.files import read_tensors

OUTPUT = ROOT / "output"
RESULTS = {(entry["experiment"], entry["metric"]): entry for entry in readme.collect(OUTPUT)}
KEPT = {
    name: read_json(paths[0]) for name, paths in readme.published(OUTPUT, "metrics.json").items()
}
TRAINED_EVERY_TIME = {"fc_plain", "fc_plain_vae", "smile_truth", "conv_skips"}  # for their size
PUBLISHED = [
    name
    for name, metrics in KEPT.items()
    if "weights" in metrics and name not in TRAINED_EVERY_TIME
]
READMES = [path for path in (ROOT / "README.md", OUTPUT / "README.md") if path.exists()]
FIGURES = """
    fc_vanilla/fc_example_0 fc_vanilla/fc_example_1 fc_vanilla/to_smile_fc
    fc_vae/fc_vae_example_0 fc_vae/fc_vae_example_1 fc_vae/sample_fc_vae
    conv_vanilla/conv_example_0 conv_vanilla/conv_example_1 conv_vanilla/to_smile_conv
    conv_vanilla/conv_denoising_0 conv_vanilla/conv_denoising_1 conv_vanilla/conv_denoising_2
    conv_vanilla/conv_occlusion_0 conv_vanilla/conv_occlusion_1 conv_vanilla/conv_occlusion_2
    conv_vae/conv_vae_example_0 conv_vae/conv_vae_example_1 conv_vae/sample_conv_vae
    conv_sharp/sharp_examples conv_sharp/to_smile_sharp conv_sharp/attributes_sharp
    conv_generator/sample_generator conv_generator/three_priors conv_generator/nearest_generator
    conv_generator/guidance
    cvae/cvae_all_digits cvae/cvae_fives cvae/cvae_sevens
"""
CLAIMS = [  # (experiment, metric, which of it), below or above this, or another experiment's
    ("fc_vanilla", "mse_minus_pca", "high", "<", 0),
    ("conv_vanilla", "mse_minus_pca", "high", "<", 0),
    ("conv_vanilla_32", "mse_minus_pca", "high", "<", 0),
    ("fc_vanilla", "test_mse", "value", "<", "fc_plain"),
    ("conv_vanilla", "test_mse", "value", "<", "conv_plain"),
    ("conv_vae", "mse_of_pca", "value", "<", 1.0),
    ("conv_vae", "frechet", "value", "<", 45),
    ("conv_denoising", "psnr_gain_sigma_0.1", "low", ">", 0),  # over PCA, which knows sigma
    ("conv_denoising", "psnr_gain_sigma_0.2", "low", ">", 0),
    ("conv_occlusion", "psnr_gain_inside", "low", ">", 0),  # over PCA, which knows the mask
    ("cvae", "neg_elbo", "value", "<", 83),
    ("cvae", "neg_elbo", "value", "<", "cvae_plain"),
    ("cvae", "frechet", "value", "<", "cvae_plain"),
    ("cvae", "class_accuracy", "value", ">", 0.985),
    ("conv_sharp", "sharpness", "value", ">", 0.8),  # that of photos is 1
    ("conv_sharp", "sharpness", "value", "<", 1.05),
    ("conv_sharp", "mse_of_pca", "value", "<", 1.1),
    ("conv_generator", "nearest_ratio", "value", ">", 0.9),  # it is no copying machine
    ("conv_generator", "minutes", "value", "<", 25),
]


@pytest.mark.parametrize(("name", "metric", "which", "sign", "bound"), CLAIMS)
def test_the_numbers_say_what_the_text_says(name, metric, which, sign, bound):
    if isinstance(bound, str):
        bound = RESULTS[bound, metric]["value"]
    measured = RESULTS[name, metric][which]
    assert measured < bound if sign == "<" else measured > bound


def test_the_tables_are_those_of_the_metrics():
    out_of_date = "out of date: make readme"
    listed = json.loads((OUTPUT / "results.json").read_text(encoding="utf-8"))
    assert listed == readme.collect(OUTPUT), out_of_date
    page = (OUTPUT / "README.md").read_text(encoding="utf-8")
    assert page == readme.page(OUTPUT), out_of_date
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split(readme.BEGIN)[1].split(readme.END)[0].strip()
    assert shown == readme.table(OUTPUT), out_of_date


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_can_be_loaded(name):
    key = json.loads(read_tensors(OUTPUT / name / KEPT[name]["weights"])[1]["key"])
    model = load_experiment(name, OUTPUT)
    for argument, value in key["model"].items():
        kept = getattr(model, argument)
        assert (list(kept) if isinstance(kept, tuple) else kept) == value


def test_every_shared_pca_is_of_use():
    used = set()
    for path in OUTPUT.rglob("model-*.safetensors"):
        if not {"standin", "unfinished"} & set(path.parts):  # those have a folder of their own
            used |= {file for file, _ in json.loads(read_tensors(path)[1]["pca"]).values()}
    assert used == {path.name for path in (OUTPUT / "shared").glob("*")}


def test_the_figures_of_the_gallery_are_there_in_true_colour_and_small():
    paths = sum(readme.published(OUTPUT, "*.png", "*.gif").values(), [])
    assert {OUTPUT / f"{name}.png" for name in FIGURES.split()} <= set(paths)
    assert sum(path.stat().st_size for path in paths) < 25e6
    for path in paths:
        with Image.open(path) as picture:
            assert path.stat().st_size <= 1e6 and (path.suffix == ".gif" or picture.mode != "P")


# ---- READMEs


def links(path):
    """Links and pictures of a Markdown file, without its code: (bang, text, target)."""
    prose = re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", prose)


def anchor(heading):
    """The anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere_and_pictures_say_what_is_seen(path):
    for bang, text, target in links(path):
        assert not bang or len(text) >= 5, f"{target} has no alternative text"
        if target.startswith("https://"):
            continue
        place, _, fragment = target.partition("#")
        file = path.parent / place if place else path
        assert file.exists(), f"{place} is linked and is not there"
        if fragment:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert fragment in map(anchor, headings), target
