"""The state of an unfinished training: one file, replaced whole after every epoch.

`run`, a dict for JSON, tells a training from others. `parts` are what has a state_dict, by name:
the model, its average, the optimizer. `rows` are the history so far, a list of dict.
"""

import torch
from accelerate.utils import broadcast_object_list

from helpers.system.files import replacing


def save(path, run, rows, parts):
    states = {name: part.state_dict() for name, part in parts.items()}
    with replacing(path) as part:
        torch.save({"run": run, "rows": rows} | states, part)


def load(path, run, parts, accelerator):
    """Take over the state in a file, where there is one of this run; its rows, or none.

    `path` is None where none is kept, and in all processes but the first.
    """
    state = [read(path, run) if path else None]
    if accelerator.num_processes > 1:
        broadcast_object_list(state)  # the other machines need no copy of the file
    if state[0] is None:
        return []
    for name, part in parts.items():
        part.load_state_dict(state[0][name])
    print(f"Going on after epoch {len(state[0]['rows'])} of an interrupted run.")
    return state[0]["rows"]


def read(path, run):
    """What is in the file; None where it is not there, damaged, or of another training."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = state["run"]
    except Exception as error:  # torch.load raises whatever its parts do
        print(f"{path} is damaged or no checkpoint ({error}): training from the start.")
        return None
    differing = [name for name in found | run if found.get(name) != run.get(name)]
    if differing:
        print(f"{path} is of a training with another {', '.join(differing)}: not gone on from.")
    return None if differing else state
