"""How long the notebooks take, as `make publish` and `make retrain` have seen it."""

import json

from helpers.benchmark.machine import describe_machine
from helpers.benchmark.page import write_page
from helpers.system.files import write_json

STAND_IN = ("NOTE: stand-in faces are used", "NOTE: 5,000 digits are used")
TRAINED = (": training, ", ": measuring, ")  # what an `Experiment` prints where nothing is kept


def note_waiting(name, notebook, minutes, retrained, root):
    """Keep how many minutes a run of a notebook took, and on which machine; write the page anew.

    Only what the page is about counts: runs on the real data in which everything was trained
    (`retrained`), or in which nothing was.

    Parameters
    ----------
    name : str, the notebook's
    notebook : the executed notebook, as nbformat has it
    minutes : float
    retrained : bool
    root : Path of the repository
    """
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    printed = "".join(output.get("text", "") for output in outputs)
    unwanted = STAND_IN if retrained else STAND_IN + TRAINED
    if any(words in printed for words in unwanted):
        return
    path = root / "output" / "benchmark" / "waiting.json"
    waiting = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    run = "make retrain" if retrained else "make publish"
    machine = describe_machine()
    words = f"{machine['device']}, {machine['threads']} threads"
    waiting.setdefault(name, {})[run] = {"minutes": round(minutes, 1), "machine": words}
    write_json(path, waiting)
    write_page(path.parent, root / "helpers" / "benchmark")
