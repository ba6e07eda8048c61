"""Weights on disk: small, with all that is needed to build the model again, and checksums.

Large matrices are kept as int8 with a scale for each row, everything else as float16: that rounds
a weight by less than a hundredth of its row's spread.

PCA's basis is the largest part of many models, and the same in all of them; some have another model
as a part. So a large tensor is kept once, in a file beside the experiments whose name is its
checksum: output/shared/<crc>. It is never changed, so that no training of one model can break the
weights of another.
"""

import json
import os
import zlib
from io import StringIO
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import save

from helpers.system.files import read_tensors, replacing

LARGE = 2**18  # bytes from which a tensor is kept once for all
MANY = 2**14  # values from which a matrix is kept as int8
SCALE = ", scale of rows"
META = ("class", "settings", "history")


def save_weights(path, model, settings, history, shared):
    """Write rounded weights with what is needed to build and judge the model again.

    `settings`, a dict for JSON, has the constructor's arguments in "model"; `history` is as `fit`
    returns it; large tensors go into the folder `shared`.
    """
    learned = {name for name, _ in model.named_parameters()}
    tensors = {}
    for name, value in model.state_dict().items():
        value = value.detach().cpu().contiguous()
        if name in learned and value.ndim > 1 and value.numel() >= MANY:
            tensors |= in_bytes(name, value)
        else:
            tensors[name] = value.half() if value.is_floating_point() else value
    metadata = {
        "class": type(model).__name__,
        "settings": json.dumps(settings),
        "history": history.to_json(orient="records"),
    }
    metadata["crc32"] = _crc32_of_all(tensors, metadata)
    large = [name for name, tensor in tensors.items() if tensor.nbytes >= LARGE]
    if large:
        references = {name: _share(tensors.pop(name), Path(shared)) for name in large}
        folder = os.path.relpath(shared, Path(path).parent)
        metadata["shared"] = json.dumps({"folder": Path(folder).as_posix(), "of": references})
    with replacing(path) as part:
        part.write_bytes(save(tensors, metadata))


def read_weights(path):
    """Read what `save_weights` wrote. Nothing is ever unpickled.

    Returns the tensors by name, in float32 where they are real numbers, and a dict of "class"
    (str), "settings" (dict) and "history" (DataFrame). A file that is damaged, or of another kind,
    is refused with a ValueError, a missing one with a FileNotFoundError.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there are no weights at {path} yet")
    try:
        tensors, metadata = read_tensors(path)
        if not {*META, "crc32"} <= metadata.keys() <= {*META, "crc32", "shared"}:
            raise ValueError("it does not say what the course's weights say")
        if "shared" in metadata:
            shared = json.loads(metadata["shared"])
            for name, reference in shared["of"].items():
                tensors[name] = _shared(path.parent / shared["folder"], **reference)
        if metadata["crc32"] != _crc32_of_all(tensors, metadata):
            raise ValueError("its checksum is wrong")
        history = pd.read_json(StringIO(metadata["history"]), orient="records")
        history.attrs["interrupted"] = False
        settings = json.loads(metadata["settings"])
        if "model" not in settings or "seconds" not in history or history.empty:
            raise ValueError("it does not say how it was trained")
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError,
            RecursionError, OSError) as error:  # fmt: skip
        raise ValueError(
            f"{path} is damaged or is no weights file of this course ({error}); restore it with "
            f"git, or delete it to train anew"
        ) from None
    tensors = {name: as_float(name, tensors) for name in tensors if not name.endswith(SCALE)}
    return tensors, {"class": metadata["class"], "settings": settings, "history": history}


def in_bytes(name, tensor):
    """A matrix as int8, and the scale of each of its rows."""
    scale = tensor.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
    rows = tensor / scale.view(-1, *[1] * (tensor.ndim - 1))
    return {name: rows.round().to(torch.int8), name + SCALE: scale}


def as_float(name, tensors):
    """The tensor `name` in float32, where it has real numbers."""
    tensor, scale = tensors[name], tensors.get(name + SCALE)
    if scale is not None:
        return tensor * scale.view(-1, *[1] * (tensor.ndim - 1))
    return tensor.float() if tensor.is_floating_point() else tensor


def _share(tensor, folder):
    """Keep a tensor, or find one that begins with its rows; return a reference to it."""
    for path in sorted(folder.glob("[!.]*.safetensors")):
        try:
            kept = _shared(folder, path.stem, len(tensor))
        except (SafetensorError, LookupError, ValueError, OSError):
            continue  # damaged; what refers to it says so
        same_kind = kept.dtype == tensor.dtype and kept.shape == tensor.shape
        # To the bit: 0 and -0 are equal, but their checksums are not
        if same_kind and kept.numpy().tobytes() == tensor.numpy().tobytes():
            return {"crc": path.stem, "rows": len(tensor)}
    crc = f"{_crc32(tensor):08x}"
    with replacing(folder / f"{crc}.safetensors") as part:
        part.write_bytes(save({"tensor": tensor}))
    return {"crc": crc, "rows": len(tensor)}


def _shared(folder, crc, rows):
    """The first rows of a tensor that `_share` has kept."""
    tensor = read_tensors(folder / f"{crc}.safetensors")[0]["tensor"]
    return tensor[:rows].contiguous()


def _crc32(tensor, crc=0):
    return zlib.crc32(tensor.contiguous().numpy(), crc)


def _crc32_of_all(tensors, metadata):
    """Checksum of all that is in a weights file; safetensors has none of its own."""
    crc = zlib.crc32(json.dumps([metadata[key] for key in META]).encode())
    for name, tensor in sorted(tensors.items()):
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = _crc32(tensor, crc)
    return f"{crc:08x}"
