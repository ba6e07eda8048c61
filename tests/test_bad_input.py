"""Bad input to every public helper: an error that names the argument and says what it must be.

`CALLS` holds one good call of each. Hypothesis replaces one argument at a time by a bad value.
"""

import importlib
import inspect
import pkgutil
import re
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import get_dataset
import helpers
from helpers import execute
from helpers.analysis import corruption, latent, metrics, pca
from helpers.data.attributes import read_attributes
from helpers.data.digits import read_mnist
from helpers.data.downloads import download
from helpers.figures import animations, panels, plots
from helpers.notebooks import definitions, load_experiment
from helpers.results import readme
from helpers.results import tables as results
from helpers.results.experiments import Experiment, read_weights, save_weights
from helpers.synthetic import faces as synthetic
from helpers.system import validation
from helpers.system.files import replacing, write_json
from helpers.teaching.settings import SettingsError, check_settings

# Have their own tests (training, with its checkpoints and processes); draws what `synthetic` has
# checked; is for maintainers; takes what fetch_dataset has checked and passes on; says what is
# wrong and never raises (see test_checks).
ELSEWHERE = {"training", "checkpoints", "processes", "distributed", "synthetic_render",
             "synthetic_scene", "cache", "images", "lfw", "benchmark", "benchmark_loading",
             "benchmark_loops", "benchmark_ladder", "benchmark_plots", "checks", "checks_fc",
             "checks_conv", "checks_cvae", "exercises"}  # fmt: skip
# What a command line gives is argparse's to check; a row of a table that stands in the code.
NOT_CALLED = {"main", "Goal"}

quick = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# ---- Bad values, by what is wanted


NOT_TENSORS = st.sampled_from([None, 3, "images", [[0.5]], np.full((2, 3, 8, 8), 0.5), object()])


@st.composite
def bad_tensors(draw, good, axes, low=-np.inf, high=np.inf, any_device=False):
    """What `good` could be mistaken for: other kinds, shapes, types, values, devices."""
    kinds = ["kind", "dtype", "NaN", "empty"]
    kinds += [] if axes is None else ["shape"]
    kinds += ["range"] if np.isfinite(high - low) else []
    kinds += [] if any_device else ["device"]
    kind = draw(st.sampled_from(kinds))
    if kind == "kind":
        return draw(NOT_TENSORS)
    if kind == "dtype":
        return good.to(draw(st.sampled_from([torch.int64, torch.bool, torch.complex64])))
    if kind == "device":
        return good.to("meta")
    if kind == "shape":
        flat = [good.flatten()] if axes > 1 else []
        return draw(st.sampled_from([good[None], good.new_tensor(0.5), *flat]))
    bad = good.clone()
    if kind == "empty":
        return bad[:0]
    place = draw(st.integers(0, bad.numel() - 1))
    outside = st.sampled_from([low - 0.5, high + 0.5, 255.0, -np.inf, np.inf])
    bad.view(-1)[place] = np.nan if kind == "NaN" else draw(outside)
    return bad


def bad_integers(least, most=None):
    """`None` is no integer; a bool is none that anyone meant."""
    kinds = [st.integers(-(10**6), least - 1), st.floats(), st.booleans(), st.text(max_size=3)]
    kinds += [st.integers(most + 1, 10**9)] if most is not None else []
    return st.one_of(st.none(), st.just([4]), st.just(np.float32(2.5)), *kinds)


def bad_numbers(low, high):
    outside = st.floats().filter(lambda x: not low <= x <= high or np.isinf(x))
    always = st.sampled_from([None, 1j, np.nan, np.inf, -np.inf])
    return st.one_of(outside, always, st.booleans(), st.text(max_size=3))


def bad_spans(low, high):
    disorder = st.tuples(st.floats(low, min(high, 9)), st.floats(low, min(high, 9)))
    outside = bad_numbers(low, high)
    return st.one_of(
        disorder.filter(lambda pair: pair[0] > pair[1]),
        st.tuples(outside, st.just(max(low, 0.5))),
        st.tuples(st.just(max(low, 0.1)), outside),
        st.tuples(st.just(0.5)),
        st.tuples(*[st.just(0.5)] * 3),
        st.sampled_from([None, "ab", {0.1, 0.2}, np.nan, "0.1", -1.0]),
    )


TEXTS = st.sampled_from([None, 3, 2.5, b"bytes", ["list"], object()])
PATHS = st.sampled_from([3, 2.5, ["list"], object(), True])
NOT_FRAMES = st.sampled_from([None, 3, "frame", [], {}, np.zeros((3, 2))])
NOT_FIGURES = st.sampled_from([None, "figure.png", 3])


# ---- One good call of each helper, and the bad values of each argument


def tensor(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


IMAGES, RECON = tensor(4, 3, 8, 8), tensor(4, 3, 8, 8)
CODES = tensor(6, 5)
MASK = np.array([True, False, True, False, False, False])
FACES = synthetic.sample_faces(4)
PEOPLE = pd.DataFrame(
    {"Smiling": 0.0},
    index=pd.MultiIndex.from_product([list("abcde"), [1, 2]], names=["person", "imagenum"]),
)
HISTORY = pd.DataFrame({"epoch": [1, 2], "seconds": [1.0, 2.0], "train_loss": [2.0, 1.0],
                        "val_loss": [3.0, 2.0]})  # fmt: skip
MODEL = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
BAD_MASKS = st.sampled_from(
    [None, 3, "mask", MASK[:3], MASK.astype(int), MASK.astype(float), ~MASK & MASK, MASK[None]]
)
BAD_SEEDS = bad_integers(0)
BAD_FEATURES = st.sampled_from(
    [None, 3, "features", CODES.numpy()[:1], CODES.numpy()[:, :2], CODES.numpy()[0],
     np.full((6, 5), np.nan), np.full((6, 5), "a"), np.zeros((6, 0))]
)  # fmt: skip
FRAME = Image.new("RGB", (16, 16))
BAD_DIRECTIONS = st.sampled_from(
    [None, 3, [], {}, {3: CODES[0]}, {"a": None}, {"a": CODES[0, :2]}, {"a": CODES},
     {"digit": CODES[0]}, {"a": CODES[0] * np.nan}]
)  # fmt: skip
BAD_FACES = st.one_of(
    NOT_FRAMES,
    st.sampled_from(sorted(FACES.columns)).map(lambda name: FACES.drop(columns=name)),
    st.tuples(
        st.sampled_from(synthetic.ATTRIBUTES), st.sampled_from([np.nan, 1.5, -7, np.inf])
    ).map(lambda cell: FACES.assign(**{cell[0]: cell[1]})),
    st.just(FACES.assign(Bald="yes")),
)
SCORES = np.linspace(0, 1, 8)
BAD_VALUES = st.one_of(
    st.sampled_from([None, "values", 3.0, SCORES[:0], SCORES[None], SCORES.astype(str), [1j, 2j]]),
    st.integers(0, 7).map(lambda i: np.where(np.arange(8) == i, np.nan, SCORES)),
    st.integers(0, 7).map(lambda i: np.where(np.arange(8) == i, np.inf, SCORES)),
)


def call(function, bad, /, **good):
    return SimpleNamespace(function=function, bad=bad, good=good)


BAD_FOR_PCA = {
    "images": st.one_of(
        NOT_TENSORS,
        st.sampled_from([IMAGES, torch.zeros(0, 3, 8, 8, dtype=torch.uint8),
                         torch.zeros(3, 8, 8, dtype=torch.uint8)]),
    ),
    "components": bad_integers(1, most=8),
    "seed": BAD_SEEDS,
}  # fmt: skip
GOOD_FOR_PCA = {"images": (255 * IMAGES).byte(), "components": 2, "seed": 0}
CALLS = {
    "corruption.add_noise": call(
        corruption.add_noise,
        {
            "images": bad_tensors(IMAGES, 4, 0, 1, any_device=True),
            "sigma": bad_spans(0, np.inf),
            "generator": st.sampled_from([42, "seed", np.random.default_rng(0)]),
        },
        images=IMAGES, sigma=0.1, generator=None,
    ),
    "corruption.occlude": call(
        corruption.occlude,
        {
            "images": bad_tensors(IMAGES, 4, 0, 1, any_device=True),
            "share": bad_spans(0.01, 1),
            "fill": st.one_of(st.text(max_size=5), st.none(), st.integers()),
            "generator": st.sampled_from([42, "seed", np.random.default_rng(0)]),
        },
        images=IMAGES, share=(0.2, 0.4), fill="grey", generator=None,
    ),
    "latent.apply_in_batches": call(
        latent.apply_in_batches,
        {
            "function": st.sampled_from([None, len, "encode", torch.relu, IMAGES]),
            "images": bad_tensors(IMAGES, None, any_device=True),
            "batch_size": bad_integers(1),
        },
        function=MODEL, images=IMAGES, batch_size=2,
    ),
    "latent.attribute_vector": call(
        latent.attribute_vector,
        {"codes": bad_tensors(CODES, 2), "present": BAD_MASKS, "absent": BAD_MASKS},
        codes=CODES, present=MASK, absent=~MASK,
    ),
    "latent.attribute_vector_within": call(
        latent.attribute_vector_within,
        {
            "codes": bad_tensors(CODES, 2),
            "present": BAD_MASKS,
            "people": st.sampled_from([None, 3, "name", list("ab"), np.arange(6), [["a"] * 6]]),
        },
        codes=CODES, present=MASK, people=list("aabbcc"),
    ),
    "latent.interpolate": call(
        latent.interpolate,
        {
            "start": bad_tensors(CODES[0], 1, any_device=True),
            "end": bad_tensors(CODES[1], 1, any_device=True),
            "steps": bad_integers(2),
        },
        start=CODES[0], end=CODES[1], steps=3,
    ),
    "latent.nearest": call(
        latent.nearest,
        {
            "codes": bad_tensors(CODES, None),
            "queries": bad_tensors(CODES[:2], None),
            "count": bad_integers(1, most=6),
        },
        codes=CODES, queries=CODES[:2], count=3,
    ),
    "metrics.split_by_person": call(
        metrics.split_by_person,
        {
            "attrs": st.one_of(
                NOT_FRAMES,
                st.sampled_from([PEOPLE.iloc[:4], PEOPLE.iloc[:0], PEOPLE.reset_index()]),
            ),
            "seed": BAD_SEEDS,
        },
        attrs=PEOPLE, seed=0,
    ),
    "metrics.with_interval": call(
        metrics.with_interval,
        {
            "values": BAD_VALUES,
            "people": st.sampled_from([list("abc"), 3, "names", [["a"] * 8], ["a"] * 8]),
            "seed": BAD_SEEDS,
        },
        values=SCORES, people=list("aabbccdd"), seed=0,
    ),
    "metrics.reconstruction_scores": call(
        metrics.reconstruction_scores,
        {
            "recon": bad_tensors(RECON, 4),
            "images": bad_tensors(IMAGES, 4, 0, 1),
            "people": st.sampled_from([list("abc"), 3, "names"]),
        },
        recon=RECON, images=IMAGES, people=list("aabb"),
    ),
    "pca.fit_pca": call(pca.fit_pca, BAD_FOR_PCA, **GOOD_FOR_PCA),
    "pca.load_or_fit_pca": call(pca.load_or_fit_pca, BAD_FOR_PCA, **GOOD_FOR_PCA),
    "plots.image_grid": call(
        plots.image_grid,
        {
            "rows": st.sampled_from([None, [], [[]], 3, "rows", [IMAGES, []], [None], [3]]),
            "title": TEXTS,
            "row_labels": st.sampled_from([3, [], ["a", "b"][:0], [1], [None]]),
            "column_labels": st.sampled_from([3, ["a"], [1] * 4]),
            "notes": st.sampled_from([3, [], [["a"]], [["a", "b", "c", 4]], "abcd"]),
            "cell": bad_numbers(0.1, 20),
        },
        rows=[IMAGES], title="title", row_labels=["row"], column_labels=list("abcd"),
        notes=[list("abcd")], cell=0.5,
    ),
    "plots.show_image": call(
        plots.show_image,
        {
            "ax": st.sampled_from([None, "ax", matplotlib.figure.Figure()]),
            "image": bad_tensors(IMAGES[0], 3, any_device=True),
        },
        ax=matplotlib.figure.Figure().add_subplot(), image=IMAGES[0],
    ),
    "plots.curves": call(
        plots.curves,
        {
            "histories": st.sampled_from(
                [None, {}, HISTORY, {"": None}, {str(i): HISTORY for i in range(8)},
                 {"": HISTORY.drop(columns="epoch")}, {"": HISTORY.drop(columns="val_loss")}]
            ),
            "title": TEXTS,
            "ylabel": TEXTS,
            "columns": st.sampled_from([None, "val_loss", (), ("loss",), ("val_loss",) * 4]),
            "line": st.sampled_from([3, "PCA", ("PCA",), ("PCA", "low"), ("PCA", np.nan), (1, 2)]),
        },
        histories={"": HISTORY}, title="title", ylabel="loss", columns=("val_loss",), line=None,
    ),
    "plots.frontiers": call(
        plots.frontiers,
        {
            "tables": st.sampled_from(
                [None, {}, HISTORY, {"": None}, {str(i): HISTORY for i in range(8)}]
            ),
            "title": TEXTS,
            "x_columns": st.sampled_from([None, (), 3, ("cost",), "seconds"]),
            "y": st.one_of(TEXTS, st.just("won")),
            "label": st.one_of(TEXTS, st.just("strength")),
        },
        tables={"": HISTORY}, title="title", x_columns=("seconds",), y="val_loss", label="epoch",
    ),
    "plots.save": call(
        plots.save, {"fig": NOT_FIGURES, "path": PATHS},
        fig=matplotlib.figure.Figure(), path="unused.png",
    ),
    "plots.by_latent_dim": call(
        plots.by_latent_dim,
        {
            "errors": st.sampled_from([
                None, {}, [], {"ours": {2: 0.1}}, {"PCA": {}}, {"PCA": {2: 0.0}}, {"PCA": {2: "a"}},
                {"PCA": {2: 0.1}, "ours": {8: 0.1}}, {"PCA": [0.1]},
            ]),
            "title": TEXTS,
            "yardstick": TEXTS,
        },
        errors={"PCA": {"2": 0.1, "8": 0.05}, "ours": {"2": 0.1, "8": 0.04}}, title="a",
        yardstick="PCA",
    ),
    "plots.show_saved": call(plots.show_saved, {"path": PATHS}, path="unused.png"),
    "animations.page": call(
        animations.page,
        {
            "rows": st.sampled_from([None, 3, [], [[]], [IMAGES[0]], [IMAGES[:, :2]], [None],
                                     [IMAGES * np.nan], [IMAGES.long()]]),
            "captions": st.sampled_from([None, 3, "ab", [], [["a"]], [[1, 2, 3, 4]], [None]]),
            "size": bad_integers(8),
        },
        rows=[IMAGES], captions=[list("abcd")], size=16,
    ),
    "animations.save_gif": call(
        animations.save_gif,
        {
            "frames": st.sampled_from(
                [None, 3, "film", [], [FRAME], [FRAME, 3], [FRAME, FRAME.resize((3, 3))]]
            ),
            "path": PATHS,
        },
        frames=[FRAME, FRAME], path="unused.gif",
    ),
    "animations.eased": call(animations.eased, {"count": bad_integers(2)}, count=3),
    "panels.Panel": call(
        panels.Panel,
        {
            "draw": st.sampled_from([None, 3, "draw"]),
            "controls": st.sampled_from([None, 3, [], {"a": 3}]),
            "alt": TEXTS,
        },
        draw=lambda values: FRAME, controls={}, alt="nothing",
    ),
    "panels.face_editor": call(
        panels.face_editor,
        {
            "decode": st.sampled_from([None, 3, "decode"]),
            "photos": bad_tensors(IMAGES, 4, any_device=True),
            "codes": bad_tensors(CODES[:4], 2),
            "directions": BAD_DIRECTIONS,
            "start": st.sampled_from([3, "smile", [], {"a": 1.0}, {"smile": 9}, {"smile": "1"}]),
            "limit": bad_numbers(0.1, 100),
        },
        decode=lambda z: IMAGES[: len(z)], photos=IMAGES, codes=CODES[:4],
        directions={"smile": CODES[0]}, start={"smile": 1.0}, limit=2.0,
    ),
    "panels.digit_machine": call(
        panels.digit_machine,
        {
            "decode": st.sampled_from([None, 3, "decode"]),
            "hands": bad_tensors(CODES, 2),
            "directions": BAD_DIRECTIONS,
            "number": st.one_of(TEXTS, st.sampled_from(["", "-1", "1.5", "7" * 13])),
            "limit": bad_numbers(0.1, 100),
        },
        decode=lambda z, labels: IMAGES[:1, :1].repeat(len(z), 1, 1, 1), hands=CODES,
        directions={"slant": CODES[0]}, number="7", limit=2.0,
    ),
    "panels.digits_of": call(
        panels.digits_of, {"number": st.one_of(TEXTS, st.sampled_from(["", "a", "1 2"]))},
        number="7",
    ),
    "synthetic.sample_faces": call(
        synthetic.sample_faces,
        {"n": bad_integers(1), "images_per_person": bad_integers(1), "seed": BAD_SEEDS},
        n=4, images_per_person=2, seed=0,
    ),
    "synthetic.face_attributes": call(
        synthetic.face_attributes,
        {"faces": BAD_FACES.filter(lambda f: not _only_shape_is_missing(f))}, faces=FACES,
    ),
    "synthetic.render_faces": call(
        synthetic.render_faces,
        {"faces": BAD_FACES, "dimx": bad_integers(8), "dimy": bad_integers(8)},
        faces=FACES, dimx=8, dimy=8,
    ),
    "attributes.read_attributes": call(read_attributes, {"path": PATHS}, path="unused"),
    "digits.read_mnist": call(read_mnist, {"data_dir": PATHS}, data_dir="unused"),
    "downloads.download": call(
        download,
        {"url": st.one_of(TEXTS, st.text(max_size=9), st.just("ftp://x/y")), "path": PATHS},
        url="http://127.0.0.1:9/", path="unused",
    ),
    "experiments.Experiment": call(
        Experiment, {"name": TEXTS, "source": TEXTS, "output_dir": PATHS},
        name="cvae", source="mnist", output_dir="unused",
    ),
    "experiments.save_weights": call(
        save_weights,
        {
            "path": PATHS,
            "model": st.sampled_from([None, {}, "model", nn.Linear]),
            "settings": st.sampled_from([None, [], "settings", 3]),
            "history": NOT_FRAMES,
        },
        path="unused", model=MODEL, settings={"model": {}}, history=HISTORY,
    ),
    "experiments.read_weights": call(read_weights, {"path": PATHS}, path="unused"),
    "files.replacing": call(
        lambda path: replacing(path).__enter__(), {"path": PATHS}, path="unused"
    ),
    "files.write_json": call(write_json, {"path": PATHS}, path="unused", content={}),
    "execute.execute": call(
        execute.execute,
        {"name": TEXTS, "executed": PATHS, "parameters": st.sampled_from([3, "LR", [], True])},
        name="cvae_mnist", executed="unused", parameters=None,
    ),
    "results.find": call(
        results.find, {"metrics": st.sampled_from([None, 3, "frame", []]), "path": TEXTS},
        metrics={}, path="cvae/kl",
    ),
    "results.number": call(results.number, {"result": st.sampled_from([None, 3, "3", []])},
                           result={"value": 3, "low": None, "high": None}),
    "readme.update": call(
        readme.update, {"readme": PATHS, "output": PATHS}, readme="unused", output="unused"
    ),
    "notebooks.definitions": call(definitions, {"notebook": TEXTS}, notebook="cvae_mnist"),
    "notebooks.load_experiment": call(
        load_experiment, {"name": TEXTS, "output_dir": PATHS}, name="cvae", output_dir="unused"
    ),
    "get_dataset.fetch_dataset": call(
        get_dataset.fetch_dataset,
        {
            "attrs_name": TEXTS, "images_name": TEXTS, "raw_images_name": TEXTS,
            "dx": bad_integers(0), "dy": bad_integers(0),
            "dimx": bad_integers(1), "dimy": bad_integers(1),
            "source": st.one_of(st.text(max_size=5), st.none(), st.integers()),
            "data_dir": PATHS,
        },
        source="lfw", data_dir="unused",
    ),
    "get_dataset.fetch_mnist": call(
        get_dataset.fetch_mnist,
        {"source": st.one_of(st.text(max_size=5), st.none(), st.integers()), "data_dir": PATHS},
        source="mnist", data_dir="unused",
    ),
}  # fmt: skip
for function in (results.read, results.collect, results.table, results.write, readme.render):
    name = f"{function.__module__.removeprefix('helpers.')}.{function.__name__}"
    CALLS[name] = call(function, {"output": PATHS}, output="unused")
for name in ("frechet_distance", "kernel_distance"):
    CALLS[f"metrics.{name}"] = call(
        getattr(metrics, name),
        {"features_a": BAD_FEATURES, "features_b": BAD_FEATURES},
        features_a=CODES.numpy(), features_b=1 + CODES.numpy(),
    )  # fmt: skip
CALLS["metrics.kernel_distance"].bad["seed"] = BAD_SEEDS
for name in ("squared_error", "psnr", "ssim"):
    CALLS[f"metrics.{name}"] = call(
        getattr(metrics, name),
        {"recon": bad_tensors(RECON, 4), "images": bad_tensors(IMAGES, 4, 0, 1)},
        recon=RECON, images=IMAGES,
    )  # fmt: skip


def _only_shape_is_missing(faces):
    return isinstance(faces, pd.DataFrame) and set(synthetic.ATTRIBUTES) <= set(faces) and (
        faces[list(synthetic.ATTRIBUTES)].equals(FACES[list(synthetic.ATTRIBUTES)])
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name in CALLS for argument in CALLS[name].bad]
)
@pytest.mark.filterwarnings("ignore:invalid value|Casting complex")
@pytest.mark.fault("refused")
def test_a_bad_argument_is_named(name, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # should anything be written

    @quick
    @given(CALLS[name].bad[argument])
    def refused(value):
        with pytest.raises((TypeError, ValueError)) as error:
            CALLS[name].function(**CALLS[name].good | {argument: value})
        message = str(error.value)
        about = message if argument != "rows" else message + " rows"
        assert re.search(rf"\b{argument}\b", about), message
        assert re.search(r"must|choose one of", message), message
        assert len(message) < 600 and "\n" not in message

    refused()
    assert not list(tmp_path.iterdir())


def test_no_public_helper_is_left_out():
    for module in pkgutil.iter_modules(helpers.__path__):
        if module.name in ELSEWHERE | {"validation", "settings"}:
            continue
        for name, thing in vars(importlib.import_module(f"helpers.{module.name}")).items():
            public = inspect.isfunction(thing) or inspect.isclass(thing)
            public = public and name not in NOT_CALLED
            own = getattr(thing, "__module__", "") == f"helpers.{module.name}"
            if public and own and not name.startswith("_") and inspect.signature(thing).parameters:
                assert f"{module.name}.{name}" in CALLS, f"{name} has no property test here"


# ---- Good values are taken: the checks are not too strict


@quick
@given(st.integers(1, 3), st.integers(1, 3), st.integers(7, 12), st.integers(7, 12))
def test_images_of_all_shapes_are_taken(count, channels, height, width):
    images = tensor(count, channels, height, width)
    noisy = corruption.add_noise(images, (0, 0.5))
    assert noisy.shape == corruption.occlude(images)[0].shape == images.shape
    assert metrics.squared_error(noisy, images).shape == (count,)
    assert metrics.ssim(noisy.requires_grad_(), images).shape == (count,)
    assert latent.nearest(images, images, count).shape == (count, count)
    pca.fit_pca((255 * images).byte(), 1)


@quick
@given(st.floats(0, 10), st.floats(0, 10))
def test_noise_of_all_strengths_is_taken(a, b):
    assert corruption.add_noise(IMAGES, a).shape == IMAGES.shape
    assert corruption.add_noise(IMAGES, [min(a, b), max(a, b)]).isfinite().all()


@quick
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_intervals_hold_the_mean(values):
    result = metrics.with_interval(values)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= result["low"] <= result["high"] <= max(values) + slack


def test_bools_and_tensors_of_measures_are_taken():
    right = torch.tensor([True, False, True, True])
    assert metrics.with_interval(right)["value"] == metrics.with_interval(right.numpy())["value"]


# ---- The settings of the notebooks


GOOD = {
    "SEED": 42, "SOURCE": "auto", "OUTPUT_DIR": "output", "RETRAIN": False, "TRAIN_IMAGES": None,
    "LATENT_DIM": 128, "COMPONENTS": 150, "WIDTH": 16, "DROPOUT": 0.2, "BATCH_SIZE": 64,
    "LR": 1e-3, "LR_LINEAR": 1e-3, "EPOCHS": 5, "EPOCHS_VAE": 4, "STANDIN_EPOCHS": 1,
    "JUDGE_EPOCHS": 2, "BLOCKS": 2, "BETA": 10.0, "TEMPERATURE": 0.8, "SIGMA": (0.0, 0.3),
    "SHARE": (0.2, 0.4), "BOUND_DIGITS": 1000, "BOUND_DRAWS": 500,
}  # fmt: skip
WHOLE = ["LATENT_DIM", "COMPONENTS", "WIDTH", "BATCH_SIZE", "EPOCHS", "EPOCHS_VAE", "BLOCKS",
         "STANDIN_EPOCHS", "JUDGE_EPOCHS", "BOUND_DIGITS", "BOUND_DRAWS"]  # fmt: skip
BAD_SETTINGS = {name: bad_integers(1, most=10**6) for name in WHOLE} | {
    "SEED": bad_integers(0),
    "SOURCE": st.one_of(st.text(max_size=5), st.none(), st.just("syntetic")),
    "OUTPUT_DIR": PATHS,
    "RETRAIN": st.sampled_from(["False", "True", 0, 1, None]),
    "TRAIN_IMAGES": bad_integers(1).filter(lambda value: value is not None),
    "DROPOUT": bad_numbers(0, 0.99),
    "LR": bad_numbers(1e-8, 1),
    "LR_LINEAR": bad_numbers(1e-8, 1),
    "BETA": bad_numbers(0, np.inf),
    "TEMPERATURE": bad_numbers(0, np.inf),
    "SIGMA": bad_spans(0, np.inf),
    "SHARE": bad_spans(0.01, 1),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.fault("refused")
def test_a_bad_setting_is_named(name):
    @quick
    @given(BAD_SETTINGS[name])
    def refused(value):
        with pytest.raises(SettingsError, match=rf"^{name}\b.* must be .*, got ") as error:
            check_settings(GOOD | {name: value})
        assert str(error.value).endswith("Change the settings cell and run it again.")

    check_settings(GOOD)
    refused()


@pytest.mark.fault("refused")
def test_all_bad_settings_are_named_at_once_and_other_names_are_no_matter():
    check_settings(GOOD | {"DATA": None, "np": np, "PAIRS": -3})
    with pytest.raises(SettingsError, match="SOURCE must .*; LATENT_DIM must .*; EPOCHS must "):
        check_settings(GOOD | {"LATENT_DIM": 0, "EPOCHS": -1, "SOURCE": "lwf"})


@pytest.mark.parametrize("name", ["COMPONENTS", "TRAIN_IMAGES"])
@pytest.mark.fault("refused")
def test_a_code_cannot_be_longer_than_what_pca_gives(name):
    check_settings(GOOD | {name: 128})
    with pytest.raises(SettingsError, match=f"{name} must be at least LATENT_DIM, which is 128"):
        check_settings(GOOD | {name: 127})


def test_a_notebook_shows_the_sentence_alone():
    assert SettingsError("EPOCHS must be 1")._render_traceback_() == [
        "SettingsError: EPOCHS must be 1"
    ]


def test_values_are_described_in_a_few_words():
    assert validation.describe(torch.zeros(2, 3)) == (
        "a float32 tensor of shape (2, 3) with values from 0 to 0"
    )
    assert "int8 of shape (2,)" in validation.describe(np.zeros(2, np.int8))
    assert len(validation.describe(list(range(10**4)))) < 100
