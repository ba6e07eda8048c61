"""Pictures made quickly, for panels and animations: labelled rows of images, and GIFs."""

import math
from itertools import pairwise

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from helpers.system import validation
from helpers.system.files import replacing

GAP = 4  # pixels around an image
CAPTION = 20  # pixels for the words under an image
COLOURS = 256  # of an animation: as many as the format has
STEP = 80  # milliseconds a frame is shown
PAUSE = 700  # milliseconds for the first and the middle frame


def page(rows, captions, size=160):
    """Rows of images with a caption under each, drawn in milliseconds (Matplotlib takes tenths).

    Parameters
    ----------
    rows : sequence of float tensors (n, C, H, W) in [0, 1], one a row; C is 1 or 3
    captions : sequence of sequences of str, as many as images; an empty row leaves no room
    size : int, an image's height and width in pixels

    Returns
    -------
    Pillow image, RGB, on white

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    """
    validation.integers(8, size=size)
    if not isinstance(rows, (list, tuple)) or not rows:
        raise ValueError(f"rows must be a list of tensors, got {validation.describe(rows)}")
    for row in rows:
        validation.tensors("n C H W", any_device=True, rows=row)
        if row.shape[1] not in (1, 3):
            raise ValueError(f"rows must have 1 or 3 channels, got {validation.describe(row)}")
    if not isinstance(captions, (list, tuple)) or len(captions) != len(rows):
        raise ValueError(f"captions must be {len(rows)} lists, got {validation.describe(captions)}")
    for row, words in zip(rows, captions, strict=True):
        if not isinstance(words, (list, tuple)) or len(words) not in (0, len(row)):
            raise ValueError(
                f"captions must be none or one for each of {len(row)} images, "
                f"got {validation.describe(words)}"
            )
        validation.texts(**{f"captions[{i}]": word for i, word in enumerate(words)})
    heights = [size + GAP + (CAPTION if words else 0) for words in captions]
    width = GAP + max(map(len, rows)) * (size + GAP)
    picture = Image.new("RGB", (width, GAP + sum(heights)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=13)
    y = GAP
    for row, words, height in zip(rows, captions, heights, strict=True):
        for i, image in enumerate(row):
            x = GAP + i * (size + GAP)
            picture.paste(_to_pillow(image).resize((size, size), Image.Resampling.LANCZOS), (x, y))
            if words:
                place = (x + size / 2, y + size + CAPTION / 2)
                pen.text(place, words[i], fill="black", font=font, anchor="mm")
        y += height
    return picture


def save_gif(frames, path):
    """Write an animation that plays forth and back for ever.

    All frames share one palette, and are not dithered, so that nothing flickers that does not
    move; the first and the last of them are shown longer.

    Parameters
    ----------
    frames : sequence of at least two Pillow images of one size
    path : path of a .gif

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    OSError : if it cannot be written; what was there before is still there.
    """
    validation.paths(path=path)
    if not isinstance(frames, (list, tuple)) or len(frames) < 2:
        raise ValueError(f"frames must be at least two images, got {validation.describe(frames)}")
    for frame in frames:
        validation.kinds(Image.Image, "images of Pillow", frames=frame)
    if any(a.size != b.size for a, b in pairwise(frames)):
        raise ValueError(f"frames must be of one size, got {sorted({f.size for f in frames})}")
    width, height = frames[0].size
    every = Image.new("RGB", (width, height * len(frames)))
    for i, frame in enumerate(frames):
        every.paste(frame, (0, i * height))
    palette = every.quantize(COLOURS, kmeans=2)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[(colours > 247).all(1)] = 255  # k-means has made the paper a little grey
    palette.putpalette(colours.flatten().tolist())
    forth = [frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
             for frame in frames]  # fmt: skip
    played = forth + forth[-2:0:-1]
    durations = [PAUSE if i in (0, len(forth) - 1) else STEP for i in range(len(played))]
    with replacing(path) as part:
        played[0].save(
            part, save_all=True, append_images=played[1:], duration=durations, loop=0, optimize=True
        )


def eased(count):
    """`count` numbers from 0 to 1 that start and end slowly, as movements do: (count,).

    Raises
    ------
    ValueError : if `count` is no integer of at least 2.
    """
    validation.integers(2, count=count)
    return (1 - torch.cos(torch.linspace(0, math.pi, count))) / 2


def _to_pillow(image):
    pixels = (255 * image.detach().float().clamp(0, 1)).round().byte().permute(1, 2, 0).cpu()
    return Image.fromarray(pixels.squeeze(2).numpy()).convert("RGB")
