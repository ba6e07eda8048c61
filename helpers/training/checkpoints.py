"""The state of an unfinished training on disk: written whole, and never mixed with another's."""

import hashlib
import json
from pathlib import Path

import torch
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.torch import save_file

from helpers.system.files import read_tensors, replacing


class Checkpoint:
    """A file that a training goes on from if it was killed.

    A file of another run is kept beside `path`, under a name of its own, and found there when its
    settings return. A damaged file is replaced. Both are said.

    `path` is that of a .safetensors file, or None, which keeps nothing. `run`, a dict for JSON,
    tells this training from others. `rows` is the history so far, a list of dict; where it is not
    empty, the model, its average and the optimizer have the state that belongs to it.
    """

    def __init__(self, path, run, team, model, average, optimizer):
        self.path, self.team = path and Path(path), team
        self.run = run | {
            "optimizer": type(optimizer).__name__,
            "model": type(model).__name__,
            "weights": sum(p.numel() for p in model.parameters()),
        }
        self.model, self.average, self.optimizer = model, average, optimizer
        self.rows = []
        if self.path is None:
            return
        with team.accelerator.main_process_first():
            self.load()
        found = gather_object([len(self.rows)])
        if len(set(found)) > 1:
            raise ValueError(
                f"{path} must be the same for all processes, but it gives them "
                f"{', '.join(map(str, found))} epochs: copy the first machine's to the others, "
                "or delete it on all"
            )

    def save(self, rows):
        """Write all that the training needs to go on, replacing the file whole."""
        if self.path is None or not self.team.leads:
            return
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items() if torch.is_tensor(v)}
        tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
        metadata = {"run": json.dumps(self.run), "rows": json.dumps(rows)}
        with replacing(self.path) as part:
            save_file(tensors, part, metadata=metadata)

    def remove(self):
        if self.path is not None and self.team.leads:
            self.path.unlink(missing_ok=True)

    def load(self):
        """Take over the state of an unfinished training of the very same run, if there is one."""
        found, tensors = self.read()
        if found is not None and found["run"] != self.run:
            aside = self.aside(found["run"])
            self.path.replace(aside)
            print(
                f"{self.path} is of another training ({differences(found['run'], self.run)}): "
                f"not gone on from, but kept as {aside.name}."
            )
            found = None
        if found is None and self.aside(self.run).exists():
            self.aside(self.run).replace(self.path)
            found, tensors = self.read()
        if found is None:
            return
        self.model.load_state_dict(below("model.", tensors))
        self.average.load_state_dict(below("average.", tensors))
        for i, weights in enumerate(self.optimizer.param_groups[0]["params"]):
            for name, value in below(f"optimizer.{i}.", tensors).items():
                if value.shape == weights.shape:  # the fused step wants the weights' memory layout
                    value = torch.empty_like(weights).copy_(value)
                elif self.optimizer.defaults.get("fused"):  # which counts its steps on the device
                    value = value.to(weights.device)
                self.optimizer.state[weights][name] = value
        self.rows = found["rows"]
        print(f"Going on after epoch {len(self.rows)} of an interrupted run.")

    def read(self):
        """The run and rows in the file, and its tensors; None for both where it is of no use."""
        if not self.path.exists():
            return None, None
        try:
            tensors, metadata = read_tensors(self.path)
            return {key: json.loads(metadata[key]) for key in ("run", "rows")}, tensors
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            print(f"{self.path} is damaged or no checkpoint ({error}): training from the start.")
            return None, None

    def aside(self, run):
        """Where the checkpoint of `run` waits while another training uses `path`."""
        return self.path.with_stem(f"{self.path.stem}-{digest(run)}")


def below(prefix, tensors):
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def digest(key):
    """Twelve hex digits that tell what a training depends on, a dict for JSON, from others."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def differences(found, wanted):
    """In which settings two trainings differ, as text for a person."""
    names = [n for n in found | wanted if found.get(n) != wanted.get(n)]
    return ", ".join(f"{n} {found.get(n)} there, {wanted.get(n)} here" for n in names)
