"""How long the notebooks take, as `make publish` and `make retrain` have seen it."""

import json
import re
from datetime import datetime

from helpers.benchmark.machine import describe_machine
from helpers.benchmark.page import write_page
from helpers.system.files import write_json

STAND_IN = ("NOTE: stand-in faces are used", "NOTE: 5,000 digits are used")
TRAINED = (": training, ", ": measuring, ")  # what an `Experiment` prints where nothing is kept
TOOK = re.compile(r"^(\S+): (?:trained|(\w+) measured) in (.+)\.$", re.MULTILINE)


def note_waiting(name, notebook, minutes, peak_gb, retrained, root):
    """Keep how long a run of a notebook took, and on which machine; write the page anew.

    Only what the page is about counts: runs on the real data in which everything was trained
    (`retrained`), or in which nothing was.

    Parameters
    ----------
    name : str, the notebook's
    notebook : the executed notebook, as papermill returns it
    minutes : float, of the whole run
    peak_gb : float, the most memory of a kernel in GB; None where the system does not say
    retrained : bool
    root : Path of the repository
    """
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    printed = "".join(output.get("text", "") for output in outputs)
    unwanted = STAND_IN if retrained else STAND_IN + TRAINED
    if any(words in printed for words in unwanted):
        return
    machine = describe_machine()
    found = {
        "minutes": round(minutes, 1),
        "first_picture_s": first_picture(notebook.cells),
        "peak_gb": peak_gb and round(peak_gb, 1),
        "machine": f"{machine['device']}, {machine['threads']} threads",
    }
    if retrained:
        found["steps"] = [
            [of, what or "training", took] for of, what, took in TOOK.findall(printed)
        ]
    path = root / "output" / "benchmark" / "waiting.json"
    waiting = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    waiting.setdefault(name, {})["make retrain" if retrained else "make publish"] = found
    write_json(path, waiting)
    write_page(path.parent, root / "helpers" / "benchmark")


def first_picture(cells):
    """Seconds from the start of the first cell to the end of the first with a picture, or None."""
    started = next(cell.metadata.papermill.start_time for cell in cells if "outputs" in cell)
    for cell in cells:
        for output in cell.get("outputs", []):
            if any(kind.startswith("image/") for kind in output.get("data", {})):
                ended = datetime.fromisoformat(cell.metadata.papermill.end_time)
                return round((ended - datetime.fromisoformat(started)).total_seconds(), 1)
    return None
