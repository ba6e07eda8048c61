"""What is in output/ is whole, of one run, and says what the course's text claims."""

import json
import re

import pytest
from PIL import Image

from helpers.notebooks import ROOT, load_experiment
from helpers.results import readme, tables
from helpers.results.names import EXPERIMENTS
from helpers.results.weights import read_weights
from helpers.system.files import read_tensors

OUTPUT = ROOT / "output"
RESULTS = {(entry["experiment"], entry["metric"]): entry for entry in tables.collect(OUTPUT)}
PUBLISHED = [name for name in EXPERIMENTS if (OUTPUT / name / "model.safetensors").exists()]
READMES = [path for path in (ROOT / "README.md", OUTPUT / "README.md") if path.exists()]
FIGURES = """
    fc_vanilla/fc_example_0 fc_vanilla/fc_example_1 fc_vanilla/to_smile_fc
    fc_vae/fc_vae_example_0 fc_vae/fc_vae_example_1 fc_vae/sample_fc_vae
    conv_vanilla/conv_example_0 conv_vanilla/conv_example_1 conv_vanilla/to_smile_conv
    conv_vanilla/conv_denoising_0 conv_vanilla/conv_denoising_1 conv_vanilla/conv_denoising_2
    conv_vanilla/conv_occlusion_0 conv_vanilla/conv_occlusion_1 conv_vanilla/conv_occlusion_2
    conv_vae/conv_vae_example_0 conv_vae/conv_vae_example_1 conv_vae/sample_conv_vae
    conv_sharp/sharp_examples conv_sharp/to_smile_sharp conv_sharp/attributes_sharp
    conv_sharp/perception_distortion conv_generator/sample_generator conv_generator/three_priors
    conv_generator/nearest_generator
    cvae/cvae_all_digits cvae/cvae_fives cvae/cvae_sevens
"""
CLAIMS = [  # (experiment, metric, which of it), below or above this, or a share of another's
    ("fc_vanilla", "mse_minus_pca", "high", "<", 0),
    ("conv_vanilla", "mse_minus_pca", "high", "<", 0),
    ("conv_vanilla_32", "mse_minus_pca", "high", "<", 0),
    ("fc_vanilla", "test_mse", "value", "<", (0.97, "pca_128")),
    ("conv_vanilla", "test_mse", "value", "<", (0.86, "pca_128")),
    ("conv_vanilla_32", "test_mse", "value", "<", (0.86, "pca_32")),
    ("fc_vanilla", "test_mse", "value", "<", (1, "fc_plain")),
    ("conv_vanilla", "test_mse", "value", "<", (1, "conv_plain")),
    ("conv_denoising", "psnr_gain_sigma_0.1", "low", ">", 0),
    ("conv_denoising", "psnr_gain_sigma_0.2", "low", ">", 0),
    ("conv_occlusion", "psnr_gain_inside", "low", ">", 0),  # over PCA, which is told where
    ("cvae", "neg_elbo", "value", "<", (1, "cvae_plain")),
    ("cvae", "frechet", "value", "<", (1, "cvae_plain")),
    ("cvae", "class_accuracy", "value", ">", (1, "cvae_plain")),
    ("cvae", "class_accuracy", "value", ">", 0.985),
    ("conv_sharp", "edges", "value", ">", 0.92),  # those of photos are 1
    ("conv_sharp", "edges", "value", "<", 1.05),
    ("conv_sharp", "mse_of_pca", "value", "<", 1.10),
    ("conv_sharp", "identity_ratio", "value", "<", 1.05),
    ("conv_generator", "frechet_of_vae", "value", "<", 0.2),
    ("conv_generator", "frechet_of_floor", "value", "<", 2),
    ("conv_generator", "nearest_ratio", "value", ">", 0.9),  # it is no copying machine
    ("conv_generator", "minutes", "value", "<", 15),
]


@pytest.mark.parametrize(("name", "metric", "which", "sign", "bound"), CLAIMS)
def test_the_numbers_say_what_the_text_says(name, metric, which, sign, bound):
    if isinstance(bound, tuple):
        share, other = bound
        bound = share * RESULTS[other, metric]["value"]
    measured = RESULTS[name, metric][which]
    assert measured < bound if sign == "<" else measured > bound


def test_the_tables_are_those_of_the_metrics():
    out_of_date = "out of date: make readme"
    listed = json.loads((OUTPUT / "results.json").read_text(encoding="utf-8"))
    assert listed == tables.collect(OUTPUT), out_of_date
    page = (OUTPUT / "README.md").read_text(encoding="utf-8")
    assert page == readme.gallery(OUTPUT), out_of_date
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split(readme.BEGIN)[1].split(readme.END)[0].strip()
    assert shown == tables.table(OUTPUT), out_of_date


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_can_be_loaded(name):
    path = OUTPUT / name / "model.safetensors"
    arguments = read_weights(path)[1]["settings"]["model"]
    model = load_experiment(name, OUTPUT, own=False)
    assert {key: getattr(model, key) for key in arguments} == arguments


def test_every_shared_buffer_is_of_use():
    used = set()
    for path in OUTPUT.rglob("model.safetensors"):
        if "standin" not in path.parts:  # those have a folder of their own
            shared = json.loads(read_tensors(path)[1].get("shared", '{"of": {}}'))
            used |= {reference["crc"] for reference in shared["of"].values()}
    kept = {path.stem for path in (OUTPUT / "shared").glob("*")}
    assert used <= kept
    if not any(OUTPUT.rglob("own")):  # a student's weights share theirs, too
        assert used == kept


def test_the_figures_of_the_gallery_are_there_in_true_colour_and_small():
    paths = [path for paths in readme.figures(OUTPUT).values() for path in paths]
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
