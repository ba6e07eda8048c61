"""The state of an unfinished training on disk: written whole, and never mixed with another's."""

import hashlib
import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from helpers.system.files import replacing


def save_checkpoint(path, run, rows, model, average, optimizer):
    """Write all that a training needs to go on, replacing the file whole.

    Parameters
    ----------
    path : Path of a .safetensors file
    run : dict for JSON, the settings that tell this training from others
    rows : list of dict, the history so far
    model, average : nn.Modules of the same kind: the weights, and their moving average
    optimizer : torch.optim.Optimizer
    """
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items() if torch.is_tensor(v)}
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    with replacing(path) as part:
        save_file(tensors, part, metadata={"run": json.dumps(run), "rows": json.dumps(rows)})


def load_checkpoint(path, run, model, average, optimizer):
    """Take over the state that `save_checkpoint` left, if it is of the very same run.

    The file of another run is kept beside `path`, under a name of its own, and found there when
    its settings return. A damaged file is left to be replaced. Both are said.

    Parameters
    ----------
    path, run, model, average, optimizer : as in `save_checkpoint`

    Returns
    -------
    list of dict, the history so far; empty where there is nothing to go on from
    """
    found, tensors = _read(path)
    if found is not None and found["run"] != run:
        aside = _aside(path, found["run"])
        path.replace(aside)
        print(
            f"{path} is of another training ({_differences(found['run'], run)}): "
            f"not gone on from, but kept as {aside.name}."
        )
        found = None
    if found is None and _aside(path, run).exists():
        _aside(path, run).replace(path)
        found, tensors = _read(path)
    if found is None:
        return []

    def part(prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part("model."))
    average.load_state_dict(part("average."))
    for i, weights in enumerate(optimizer.param_groups[0]["params"]):
        for name, value in part(f"optimizer.{i}.").items():
            if value.shape == weights.shape:  # the fused step wants the weights' memory layout
                value = torch.empty_like(weights).copy_(value)
            optimizer.state[weights][name] = value
    print(f"Going on after epoch {len(found['rows'])} of an interrupted run.")
    return found["rows"]


def read_tensors(path):
    """All that is in a safetensors file, read in one go.

    `safe_open` opens a file twice, for its header and for its tensors: where another process
    replaces it in between, they are of two files.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of tensors, dict of str (the metadata)

    Raises
    ------
    OSError : if it cannot be read.
    SafetensorError, KeyError : if it is damaged, or no safetensors file.
    """
    data = path.read_bytes()
    tensors = load(data)
    end = 8 + int.from_bytes(data[:8], "little")  # of the header, which is JSON
    return tensors, json.loads(data[8:end]).get("__metadata__", {})


def _read(path):
    if not path.exists():
        return None, None
    try:
        tensors, metadata = read_tensors(path)
        return {key: json.loads(metadata[key]) for key in ("run", "rows")}, tensors
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        print(f"{path} is damaged or no checkpoint ({error}): training from the start.")
        return None, None


def _aside(path, run):
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:12]
    return path.with_stem(f"{path.stem}-{digest}")


def _differences(found, wanted):
    names = [n for n in found | wanted if found.get(n) != wanted.get(n)]
    return ", ".join(f"{n} {found.get(n)!r} there, {wanted.get(n)!r} here" for n in names)
