"""What notebooks share at their start, and what they define: for a student's own script, too."""

import dataclasses
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pandas as pd
import torch
from torch import nn

from get_dataset import fetch_dataset
from helpers.analysis.metrics import split_by_person
from helpers.data.attributes import sure_labels
from helpers.data.tensors import to_tensor, to_unit
from helpers.results.experiments import read_json
from helpers.results.weights import read_weights

ROOT = Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Faces:
    """Photos of people, split by person: to train on, to choose by (val), to report (test)."""

    train: torch.Tensor  # each (N, 3, 64, 64) uint8
    val: torch.Tensor
    test: torch.Tensor
    test_unit: torch.Tensor  # the same as float32 in [0, 1]
    train_people: np.ndarray  # the person on each photo
    val_people: np.ndarray
    test_people: np.ndarray
    train_labels: pd.DataFrame  # True where an attribute is surely there; no columns without table
    val_labels: pd.DataFrame
    test_labels: pd.DataFrame
    attrs: pd.DataFrame  # the whole table of scores, or of the photos alone
    data: dict  # what tells these data from others, for JSON
    synthetic: bool  # whether the faces are generated stand-ins

    @property
    def shown(self):
        """Sixteen test faces, the same in all figures."""
        return np.arange(len(self.test))[:: max(1, len(self.test) // 16)][:16]


def load_faces(source="auto", *, seed=42, train_images=None):
    """The faces as `get_dataset` finds them, split by person; `train_images` of them, None: all."""
    photos, attrs = fetch_dataset(source=source)
    labels = sure_labels(attrs)
    people = attrs.index.get_level_values("person").to_numpy()
    train, val, test = split_by_person(attrs, seed=seed)
    parts = {"train": train[:train_images], "val": val, "test": test}
    found = {}
    for part, rows in parts.items():
        found |= {part: to_tensor(photos[rows]), f"{part}_people": people[rows]}
        found[f"{part}_labels"] = labels.iloc[rows]
    data = attrs.attrs["data"] | {"seed": seed}
    if train_images is not None:
        data["train_images"] = train_images
    counts = [f"{len(found[part]):,}" for part in parts]
    print("{} photos to train on, {} to choose by, {} to report on".format(*counts))
    return Faces(**found, test_unit=to_unit(found["test"]), attrs=attrs, data=data,
                 synthetic=attrs.attrs["source"] == "synthetic")  # fmt: skip


def definitions(notebook):
    """Run the cells of a notebook that are tagged "definitions": a module with all their names.

    Where one of those cells fails, an ImportError says which, and why.
    """
    path = ROOT / f"{notebook}.ipynb"
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in ROOT.glob("*.ipynb")))
        raise FileNotFoundError(f"no notebook {path.name}; there are: {names}")
    module = ModuleType(notebook)
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        if "definitions" not in cell.metadata.get("tags", []):
            continue
        place = f"{path.name}, cell {number}"
        try:
            exec(compile(cell.source, place, "exec"), module.__dict__)
        except Exception as error:
            raise ImportError(
                f'{place} fails: {type(error).__name__}: {error}. It is tagged "definitions", so '
                "it must run alone, after the cells of that tag above it, as plain Python: without "
                "magics (% and !) and without names from other cells"
            ) from error
    return module


def load_experiment(name, output_dir=ROOT / "output"):
    """A trained model: its class from the notebook, its weights from output/<name>/.

    Parameters
    ----------
    name : str, an experiment that has weights, such as "conv_vae"
    output_dir : path; output/standin holds the models that were trained on stand-in data

    Returns
    -------
    nn.Module on the CPU, in eval mode, with the weights that its notebook used last. To keep it in
    a file of your own, save its `state_dict()`: its class lives in a notebook and is not pickled.

    Examples
    --------
    >>> vae = load_experiment("conv_vae")
    >>> vae.decode(torch.randn(16, vae.latent_dim)).shape
    torch.Size([16, 3, 64, 64])
    """
    root = Path(output_dir).expanduser()
    metrics = read_json(root / name / "metrics.json", "weights")
    if metrics is None:
        paths = root.rglob("model-*.safetensors")
        names = sorted({path.parent.relative_to(root).as_posix() for path in paths})
        there = ", ".join(name for name in names if not name.startswith("standin"))
        raise FileNotFoundError(f"no weights of an experiment {name!r} in {root}; of: {there}")
    path = root / name / metrics["weights"]
    tensors, key, _ = read_weights(path, root / "shared")
    build = getattr(definitions(key["notebook"]), key["class"], None)
    try:
        if not (isinstance(build, type) and issubclass(build, nn.Module)):
            raise TypeError(f"{key['class']!r} is no model of the notebook")
        model = build(**key["model"])
        model.load_state_dict(tensors)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{path} does not fit {key['notebook']}.ipynb ({reason}); restore both with git, "
            "or run the notebook to train anew"
        ) from error
    return model.eval()
