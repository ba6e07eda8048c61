"""What notebooks share at their start, and what they define: for a student's own script, too."""

from pathlib import Path
from types import ModuleType, SimpleNamespace

import nbformat
import numpy as np
from torch import nn

from get_dataset import fetch_dataset
from helpers.analysis.metrics import split_by_person
from helpers.data.attributes import sure_labels
from helpers.data.tensors import to_tensor, to_unit
from helpers.results.experiments import read_json
from helpers.results.weights import read_weights

ROOT = Path(__file__).resolve().parent.parent


def load_faces(source="auto", *, seed=42, train_images=None):
    """The faces that `get_dataset` finds, split by person; `train_images` of them, None: all.

    Returns a namespace: `train`, `val` and `test`, tensors (N, 3, 64, 64) of bytes, to train on, to
    choose by and to report; `test_unit`, the last as floats in [0, 1]; for each of the three its
    `_people`, names (N,), and its `_labels`, a DataFrame that is True where an attribute is surely
    there; `attrs`, all scores; `data`, a dict for JSON that tells these faces from others; whether
    they are `synthetic`; and `shown`, the sixteen test faces of all figures.
    """
    photos, attrs = fetch_dataset(source=source)
    labels, people = sure_labels(attrs), attrs.index.get_level_values("person").to_numpy()
    train, val, test = split_by_person(attrs, seed=seed)
    faces = SimpleNamespace(attrs=attrs, synthetic=attrs.attrs["source"] == "synthetic")
    faces.data = attrs.attrs["data"] | {"seed": seed}
    if train_images is not None:
        faces.data["train_images"] = train_images
    for part, rows in (("train", train[:train_images]), ("val", val), ("test", test)):
        setattr(faces, part, to_tensor(photos[rows]))
        setattr(faces, f"{part}_people", people[rows])
        setattr(faces, f"{part}_labels", labels.iloc[rows])
    faces.test_unit = to_unit(faces.test)
    faces.shown = np.arange(len(test))[:: max(1, len(test) // 16)][:16]
    print(f"{len(faces.train):,} photos to train on, {len(val):,} to choose by, "
          f"{len(test):,} to report on")  # fmt: skip
    return faces


def definitions(notebook):
    """Run the cells of a notebook that are tagged "definitions": a module with all their names."""
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
                f"{place} fails: {type(error).__name__}: {error}. A cell tagged definitions must "
                "run after those above it alone, without magics (% and !) and other cells' names"
            ) from error
    return module


def load_experiment(name, output_dir=ROOT / "output"):
    """A trained model: its class from its notebook, its weights from output/<name>/.

    `name` is an experiment, such as "conv_vae"; `output_dir` may be output/standin, for the models
    that were trained on stand-ins. The model is on the CPU, in eval mode, with the weights that its
    notebook used last. To save it, save its `state_dict()`: its class lives in a notebook.

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
        raise ValueError(f"{path} does not fit {key['notebook']}.ipynb ({reason}); restore both "
                         "with git, or run the notebook to train anew") from error  # fmt: skip
    return model.eval()
