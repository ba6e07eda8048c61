"""The results for readers, made of what the notebooks left in output/: `make readme`."""

import json
import re
from pathlib import Path

from PIL import Image

from helpers.results.experiments import flat, in_words, number
from helpers.system.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("autoencoders_fc", "autoencoders_conv", "cvae_mnist", "face_generator")
BEGIN, END = "<!-- results: begin, written by make readme -->", "<!-- results: end -->"
TABLE = "| on test people and test digits | ours | strongest baseline | paired difference |"
HEAD = """# All figures and all numbers

Written by `make readme` from what the notebooks left in these folders. In brackets: the 95%
interval, or the lowest and the highest of several draws. The same numbers for programs:
[results.json](results.json).
"""


def published(output, *patterns):
    """The files of the published results below the folder `output`, by experiment."""
    found = {}
    for path in sorted(path for pattern in patterns for path in Path(output).rglob(pattern)):
        folder = path.parent.relative_to(output)
        if {"standin", "unfinished", "executed"}.isdisjoint(folder.parts) and path.name[0] != ".":
            found.setdefault(folder.as_posix(), []).append(path)
    return found


def read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); run its notebook again") from None


def collect(output):
    """The list of results: dicts of experiment, metric, value, low, high and n.

    `low` and `high` bound a 95% interval over `n` people or digits, or are the lowest and highest
    of `n` draws; all three are None for what is one number.
    """
    results = []
    for experiment, paths in published(output, "metrics.json").items():
        for metric, found in flat(read(paths[0]), "_").items():
            found = found if isinstance(found, dict) else {"value": found}
            if isinstance(found["value"], (int, float)):  # not the name of the weights
                metric = re.sub(r"[^a-z0-9.]+", "_", metric.lower()).strip("_")
                entry = {"experiment": experiment, "metric": metric}
                results.append(entry | dict.fromkeys(("value", "low", "high", "n")) | found)
    return results


def table(output):
    """The main results as a Markdown table: the rows that the notebooks' last cells left."""
    paths = [Path(output) / f"{notebook}.json" for notebook in NOTEBOOKS]
    rows = [row for path in paths if path.exists() for row in read(path)["rows"]]
    return "\n".join([TABLE, "| --- | ---: | ---: | ---: |"]
                     + [f"| {' | '.join(in_words(row).values())} |" for row in rows])  # fmt: skip


def page(output):
    """All figures and numbers below the folder `output`, experiment by experiment, as Markdown."""
    pictures, results = published(output, "*.png", "*.gif"), collect(output)
    parts = [HEAD]
    for name in sorted({*pictures, *(entry["experiment"] for entry in results)}):
        parts.append(f"## {name}\n")
        parts += [f"![{title_of(path)}]({name}/{path.name})\n" for path in pictures.get(name, ())]
        rows = [f"| {entry['metric'].replace('_', ' ')} | {number(entry)} |"
                for entry in results if entry["experiment"] == name]  # fmt: skip
        parts += ["| | |\n| --- | ---: |", *rows, ""] if rows else []
    return "\n".join(parts)


def title_of(path):
    """What is seen in a figure: its own title, else its name."""
    with Image.open(path) as picture:
        title = " ".join(picture.info.get("Title", "").split())
    name = path.stem.replace("_", " ")
    words = title if len(title) > 4 else f"{name}: {title}".removesuffix(": ")  # "KL" says little
    return words.replace("[", "(").replace("]", ")")


def update(readme, output):
    """Put the results' table between the markers in `readme`."""
    text = Path(readme).read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{readme} must have the lines {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    write_text(readme, f"{head}{BEGIN}\n\n{table(output)}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    write_json(ROOT / "output" / "results.json", collect(ROOT / "output"))
    write_text(ROOT / "output" / "README.md", page(ROOT / "output"))
    update(ROOT / "README.md", ROOT / "output")
