"""Pictures made quickly, for panels and films: labelled rows of images, and GIFs."""

import io
import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageSequence

from helpers.system.files import replacing
from helpers.system.processes import is_main_process

GAP = 4  # pixels around an image
CAPTION = 20  # pixels for the words under an image
STEP = 80  # milliseconds a frame is shown
PAUSE = 700  # milliseconds for the first and the last frame
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
    steps = [STEP] * (len(frames) - 2)
    film = io.BytesIO()
    forth[0].save(
        film, "gif", save_all=True, append_images=forth[1:] + forth[-2:0:-1], loop=0, optimize=True,
        duration=[PAUSE, *steps, PAUSE, *steps],
    )  # fmt: skip
    played = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    once = [i for i, last in zip(played[1:], played, strict=False) if forth[i] != forth[last]]
    if not shows(path, film, [frames[i] for i in (0, *once)]):
        with replacing(path) as part:
            part.write_bytes(film.getvalue())


def shared_palette(frames):
    """A Pillow image whose palette suits all frames, with white as white."""
    every = Image.fromarray(np.concatenate([np.asarray(frame) for frame in frames]))
    palette = every.quantize(256, kmeans=2)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[(colours > 247).all(1)] = 255  # k-means has made the paper a little grey
    palette.putpalette(colours.flatten().tolist())
    return palette


def shows(path, film, frames):
    """Whether the film at `path` shows the frames about as well as `film` does.

    Palettes differ between processors, so that the films do. Pillow joins frames that are alike.
    """
    try:
        before, after = decoded(path), decoded(film)
    except (OSError, ValueError, SyntaxError):  # not there, or damaged: Pillow raises all of these
        return False
    if before.shape != after.shape:
        return False
    wanted = np.stack(frames)
    worse = [abs(seen - wanted).mean((1, 2, 3)) for seen in (before, after)]
    return bool((worse[0] <= worse[1] + ALIKE).all())


def decoded(film):
    with Image.open(film) as frames:
        return np.stack(
            [np.int16(frame.convert("RGB")) for frame in ImageSequence.Iterator(frames)]
        )


def eased(count):
    """`count` numbers from 0 to 1 that start and end slowly, as movements do: (count,)."""
    return (1 - torch.cos(torch.linspace(0, math.pi, count))) / 2


def to_pillow(image):
    pixels = (255 * image.detach().float().clamp(0, 1)).round().byte().permute(1, 2, 0).cpu()
    return Image.fromarray(pixels.squeeze(2).numpy()).convert("RGB")
