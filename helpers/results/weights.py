"""Weights on disk: small, with all that is needed to build the model again.

Large matrices are kept as int8 with a scale for each row, everything else as float16: that rounds
a weight by less than a hundredth of its row's spread. PCA's numbers are the largest part of many
models, and the same in all of them: they are kept once, in a file of their own.
"""

import contextlib
import hashlib
import json
from io import StringIO
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import save

from helpers.analysis.pca import PCALayer
from helpers.system.files import read_tensors, replacing

MANY = 2**14  # values from which a matrix is kept as int8
SCALE = ", scale of rows"
BUFFERS = ("mean", "basis", "scale")  # of a PCALayer


def save_weights(path, model, key, history, shared):
    """Write rounded weights to `path`, with what is needed to build and judge the model again.

    `key`, a dict for JSON, has the class, its arguments and the notebook it stands in; `history` is
    as `fit` returns it; PCA's numbers go into the folder `shared`.
    """
    learned = {name for name, _ in model.named_parameters()}
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    modules = model.named_modules(remove_duplicate=False)
    layers = [name for name, module in modules if isinstance(module, PCALayer)]
    pca = {name: _keep_pca(name, state, Path(shared)) for name in layers}
    tensors = {}
    for name, value in state.items():
        if name in learned and value.ndim > 1 and value.numel() >= MANY:
            tensors |= _in_bytes(name, value)
        else:
            tensors[name] = value.half() if value.is_floating_point() else value
    metadata = {"key": json.dumps(key), "pca": json.dumps(pca),
                "history": history.to_json(orient="records")}  # fmt: skip
    with replacing(path) as part:
        part.write_bytes(save(tensors, metadata))


def read_weights(path, shared):
    """Read what `save_weights` wrote. Nothing is ever unpickled.

    Returns the tensors by name, in float32 where they are real numbers, the key and the history. A
    file that is damaged, or of another kind, is a ValueError, a missing one a FileNotFoundError.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there are no weights at {path} yet")
    try:
        kept, metadata = read_tensors(path)
        key, pca = json.loads(metadata["key"]), json.loads(metadata["pca"])
        history = pd.read_json(StringIO(metadata["history"]), orient="records")
        if "class" not in key or "seconds" not in history:
            raise ValueError("it does not say how it was trained")
        tensors = {name: _as_float(name, kept) for name in kept if not name.endswith(SCALE)}
        for layer, (file, components) in pca.items():
            prefix = f"{layer}." if layer else ""
            kept = _first(Path(shared) / file, components)
            tensors |= {prefix + buffer: tensor.float() for buffer, tensor in kept.items()}
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError, OSError) as error:
        raise ValueError(
            f"{path} is damaged or is no weights file of this course ({error}); restore it with "
            "git, or delete it to train anew"
        ) from None
    history.attrs["interrupted"] = False
    return tensors, key, history


def fingerprint(model):
    """Eight hex digits that tell the weights of a model from others.

    A PCALayer counts by its size: the data are in the key, and its last bits are the processor's.
    """
    if isinstance(model, PCALayer):
        return f"PCA, {model.components}"
    found = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        found.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return found.hexdigest()[:8]


def _in_bytes(name, tensor):
    """A matrix as int8, and the scale of each of its rows."""
    scale = tensor.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
    rows = tensor / scale.view(-1, *[1] * (tensor.ndim - 1))
    return {name: rows.round().to(torch.int8), name + SCALE: scale}


def _as_float(name, tensors):
    """The tensor `name` in float32, where it has real numbers."""
    tensor, scale = tensors[name], tensors.get(name + SCALE)
    if scale is not None:
        return tensor * scale.view(-1, *[1] * (tensor.ndim - 1))
    return tensor.float() if tensor.is_floating_point() else tensor


def _keep_pca(layer, state, shared):
    """Take a PCALayer's numbers out of `state`, and keep them; the file's name, and how many."""
    prefix = f"{layer}." if layer else ""
    found = {name: state.pop(prefix + name).half() for name in BUFFERS}
    components = len(found["basis"])
    for path in sorted(shared.glob("pca-*.safetensors")):
        with contextlib.suppress(SafetensorError, LookupError, ValueError, OSError):  # damaged
            kept = _first(path, components)
            if all(torch.equal(kept[name], found[name]) for name in BUFFERS):
                return path.name, components
    content = save(found)
    path = shared / f"pca-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    with replacing(path) as part:
        part.write_bytes(content)
    return path.name, components


def _first(path, components):
    """The first components of what `_keep_pca` kept."""
    kept = read_tensors(path)[0]
    if len(kept["basis"]) < components:
        raise ValueError(f"{path} has fewer than {components} components")
    return {name: t if name == "mean" else t[:components].contiguous() for name, t in kept.items()}
