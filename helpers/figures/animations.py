"""Pictures made quickly, for panels and films: labelled rows of images, and GIFs."""

import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageSequence

from helpers.system.files import replacing
from helpers.system.processes import is_main_process

GAP = 4  # pixels around an image
CAPTION = 20  # pixels for the words under an image
COLOURS = 256  # of a film: as many as the format has
STEP = 80  # milliseconds a frame is shown
PAUSE = 700  # milliseconds for the first and the middle frame
ALIKE = 1  # of 255: how much worse than a new film an old one may show the frames


def page(rows, captions, size=160):
    """Rows of images with a caption under each, drawn in milliseconds (Matplotlib takes tenths).

    A row is a float tensor (n, C, H, W) in [0, 1], C 1 or 3; its captions are n str, or none, which
    leaves no room. `size` is an image's in pixels. Returns a Pillow image.
    """
    heights = [size + GAP + (CAPTION if words else 0) for words in captions]
    width = GAP + max(map(len, rows)) * (size + GAP)
    picture = Image.new("RGB", (width, GAP + sum(heights)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=13)
    y = GAP
    for row, words, height in zip(rows, captions, heights, strict=True):
        for i, image in enumerate(row):
            x = GAP + i * (size + GAP)
            picture.paste(to_pillow(image).resize((size, size), Image.Resampling.LANCZOS), (x, y))
            if words:
                place = (x + size / 2, y + size + CAPTION / 2)
                pen.text(place, words[i], fill="black", font=font, anchor="mm")
        y += height
    return picture


def save_film(frames, path):
    """Write a film as a GIF that plays forth and back for ever.

    All frames share one palette, and are not dithered, so that nothing flickers that does not
    move; the first and the last of them are shown longer. A film that looks the same is left as it
    is. Of several processes only the first does anything. `frames` are at least two Pillow images
    of one size, such as `page` draws.
    """
    if not is_main_process():
        return
    frames = [frame.convert("RGB") for frame in frames]
    palette = shared_palette(frames)
    forth = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    last = len(frames) - 1
    durations, kept = [], []  # of frames that differ from the one before: Pillow joins the others
    for i in [*range(last), *range(last, 0, -1)]:
        if not kept or forth[i] != forth[kept[-1]]:
            kept.append(i)
            durations.append(0)
        durations[-1] += PAUSE if i in (0, last) else STEP
    played = [forth[i] for i in kept]
    if shows_as_well(path, played, [frames[i] for i in kept]):
        return
    with replacing(path) as part:
        played[0].save(
            part, save_all=True, append_images=played[1:], duration=durations, loop=0, optimize=True
        )


def shared_palette(frames):
    """A Pillow image whose palette suits all frames, with white as white."""
    width, height = frames[0].size
    every = Image.new("RGB", (width, height * len(frames)))
    for i, frame in enumerate(frames):
        every.paste(frame, (0, i * height))
    palette = every.quantize(COLOURS, kmeans=2)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[(colours > 247).all(1)] = 255  # k-means has made the paper a little grey
    palette.putpalette(colours.flatten().tolist())
    return palette


def shows_as_well(path, played, frames):
    """Whether the film at `path` shows the frames about as well as what would be `played`."""
    try:
        with Image.open(path) as film:
            before = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    except (OSError, ValueError, SyntaxError):  # not there, or damaged: Pillow raises all of these
        return False
    return [frame.size for frame in before] == [frame.size for frame in frames] and all(
        difference(old, frame) <= difference(new, frame) + ALIKE
        for old, new, frame in zip(before, played, frames, strict=True)
    )


def difference(a, b):
    """The mean absolute difference of two Pillow images, of 255."""
    a, b = (np.asarray(image.convert("RGB"), np.int16) for image in (a, b))
    return abs(a - b).mean()


def eased(count):
    """`count` numbers from 0 to 1 that start and end slowly, as movements do: (count,)."""
    return (1 - torch.cos(torch.linspace(0, math.pi, count))) / 2


def to_pillow(image):
    pixels = (255 * image.detach().float().clamp(0, 1)).round().byte().permute(1, 2, 0).cpu()
    return Image.fromarray(pixels.squeeze(2).numpy()).convert("RGB")
