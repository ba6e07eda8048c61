"""The results for readers, made of what the notebooks left in output/: `make readme`."""

import json
from pathlib import Path

from PIL import Image

from helpers.results.experiments import flat, in_words, number
from helpers.system.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("autoencoders_fc", "autoencoders_conv", "cvae_mnist", "face_generator")
BEGIN, END = "<!-- results: begin, written by make readme -->", "<!-- results: end -->"
NOT_PUBLISHED = {"standin", "unfinished", "executed"}
HEAD = """# All figures and all numbers

Written by `make readme` from what the notebooks left in these folders. In brackets: the 95%
interval, or the lowest and the highest of several draws. The same numbers for programs:
[results.json](results.json).
"""


def metrics_of(output):
    """The metrics of all experiments below the folder `output`: name -> dict."""
    found = {}
    for path in sorted(Path(output).rglob("metrics.json")):
        name = path.parent.relative_to(output)
        if NOT_PUBLISHED.isdisjoint(name.parts):
            try:
                found[name.as_posix()] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{path} is damaged ({error}); run its notebook again") from None
    return found


def collect(output):
    """The list of results: dicts of experiment, metric, value, low, high and n.

    `low` and `high` bound a 95% interval over `n` people or digits, or are the lowest and highest
    of `n` draws; all three are None for what is one number.
    """
    empty = dict.fromkeys(("value", "low", "high", "n"))
    return [
        {"experiment": experiment, "metric": metric} | empty | value
        for experiment, metrics in metrics_of(output).items()
        for metric, value in flat(metrics).items()
    ]


def table(output):
    """The main results as a Markdown table: the rows that the notebooks' last cells left."""
    lines = ["| on test people and test digits | ours | strongest baseline | paired difference |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for notebook in NOTEBOOKS:
        path = Path(output) / f"{notebook}.json"
        if path.exists():
            rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
            lines += [f"| {' | '.join(in_words(row).values())} |" for row in rows]
    return "\n".join(lines)


def page(output):
    """All figures and numbers below the folder `output`, experiment by experiment, as Markdown."""
    metrics, pictures = metrics_of(output), {}
    for path in sorted([*Path(output).rglob("*.png"), *Path(output).rglob("*.gif")]):
        name = path.parent.relative_to(output)
        if NOT_PUBLISHED.isdisjoint(name.parts):
            pictures.setdefault(name.as_posix(), []).append(path)
    parts = [HEAD]
    for name in sorted({*metrics, *pictures}):
        parts.append(f"## {name}\n")
        for path in pictures.get(name, ()):
            parts.append(f"![{title_of(path)}]({name}/{path.name})\n")
        if found := flat(metrics.get(name, {})):
            parts += ["| | |\n| --- | ---: |"]
            parts += [f"| {metric} | {number(value)} |" for metric, value in found.items()]
            parts.append("")
    return "\n".join(parts)


def title_of(path):
    """What is seen in a figure: its own title, else its name."""
    with Image.open(path) as picture:
        title = picture.info.get("Title", "")
    return " ".join(title.split()).replace("[", "(").replace("]", ")") or path.stem


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
