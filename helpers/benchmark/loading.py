"""What loading and an epoch cost in time and memory, each measured in a process of its own."""

import io
import json
import subprocess
import sys
import tarfile

from PIL import Image

from helpers.data.attributes import ATTRIBUTES
from helpers.notebooks import ROOT
from helpers.synthetic.faces import render_faces, sample_faces

CHILD = """
import json, re, resource, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
{body}
status = Path("/proc/self/status")
if status.exists():  # getrusage of a child begins with what its parent had
    peak_mb = 1.024e-3 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts in bytes
print(json.dumps({{"seconds": seconds, "peak_mb": peak_mb}}))
"""
LOAD = """
import get_dataset
get_dataset.CACHE_DIRS = [{cache!r}]
start = time.perf_counter()
photos, _ = get_dataset.fetch_dataset(**{arguments!r})
seconds = time.perf_counter() - start
assert len(photos) == {count!r} or {count!r} is None, f"{{len(photos)}} photos were loaded"
"""
EPOCH = """
import torch
from helpers.notebooks import definitions
from helpers.training.loop import fit
model = getattr(definitions({notebook!r}), {kind!r})(*{arguments!r})
train = torch.zeros(({images}, {size}, {size}, 3), dtype=torch.uint8).random_().permute(0, 3, 1, 2)
loss = lambda model, x: {{"loss": (model(x) - x).square().mean()}}
part = train[:{steps} * 64]
fit(model, (part[:128],), (train[:64],), loss, epochs=1)
start = time.perf_counter()
fit(model, (part,), (train[:64],), loss, epochs=1)
seconds = (time.perf_counter() - start) * len(train) / len(part)
"""


def in_child(body):
    """Run code that sets `seconds` in a process of its own; its seconds and peak memory in MB."""
    program = CHILD.format(root=str(ROOT), body=body)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"a benchmark's process ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def loading(source, cache):
    """Seconds and peak memory of the first build into the empty folder `cache`, and of a later
    call."""
    body = LOAD.format(cache=str(cache), arguments={"source": source}, count=None)
    first, later = in_child(body), in_child(body)
    return {"load_build_s": first["seconds"], "load_cached_s": later["seconds"],
            "build_peak_mb": first["peak_mb"]}  # fmt: skip


def many_images(counts, folder):
    """Seconds and peak memory of the first build from so many generated photos of 64x64 pixels."""
    results = {}
    for count in counts:
        data = folder / str(count)
        data.mkdir()
        _write_tree(data, count)
        arguments = {"source": "lfw", "data_dir": str(data), "dx": 0, "dy": 0}
        body = LOAD.format(cache=str(data / "cache"), arguments=arguments, count=count)
        results[count] = in_child(body)
    return results


def _write_tree(folder, count, a_person=10):
    """An archive and a table as LFW has them; few faces under many names, as names cost nothing."""
    jpegs = []
    for pixels in render_faces(sample_faces(64, seed=1)):
        jpegs.append(io.BytesIO())
        Image.fromarray(pixels).save(jpegs[-1], "JPEG", quality=90)
    scores = "\t".join(f"{0.01 * i:.6f}" for i in range(len(ATTRIBUTES)))
    names = [(f"Person {i // a_person:06d}", i % a_person + 1) for i in range(count)]
    with open(folder / "lfw_attributes.txt", "w", encoding="utf-8") as table:
        table.write("\t".join(["#", "person", "imagenum", *ATTRIBUTES]))
        table.writelines(f"\n{person}\t{number}\t{scores}" for person, number in names)
        table.write("\n")
    with tarfile.open(folder / "lfw-deepfunneled.tgz", "w:gz", compresslevel=1) as archive:
        for i, (person, number) in enumerate(names):
            person = person.replace(" ", "_")
            jpeg = jpegs[i % len(jpegs)]
            jpeg.seek(0)
            member = tarfile.TarInfo(f"lfw-deepfunneled/{person}/{person}_{number:04d}.jpg")
            member.size = jpeg.getbuffer().nbytes
            archive.addfile(member, jpeg)


def costs(steps, images, points=3):
    """Seconds an epoch and peak memory against image size, latent_dim and number of images.

    An epoch is reckoned from `steps` steps of 64 images. `points` of each curve are measured.
    """
    linear, conv = (
        ("autoencoders_fc", "LinearAutoencoder"),
        ("autoencoders_conv", "ConvAutoencoder"),
    )
    grid = {
        "image size (linear autoencoder)": {
            size: (*linear, (128, size), size, images) for size in (32, 64, 128)
        },
        "latent_dim (convolutional)": {
            latent: (*conv, (latent, 16, max(latent, 150)), 64, images) for latent in (32, 128, 512)
        },
        "number of images (convolutional)": {
            count: (*conv, (128,), 64, count) for count in (images, 4 * images, 16 * images)
        },
    }
    return {
        name: {
            value: in_child(
                EPOCH.format(notebook=notebook, kind=kind, arguments=arguments, size=size,
                             images=count, steps=steps)
            )
            for value, (notebook, kind, arguments, size, count) in list(curve.items())[:points]
        }
        for name, curve in grid.items()
    }  # fmt: skip
