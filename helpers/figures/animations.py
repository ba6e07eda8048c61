"""Pictures made quickly, for panels and films: labelled rows of images, and GIFs."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from helpers.system.files import replacing
from helpers.system.processes import is_main_process

GAP = 4  # pixels around an image
CAPTION = 20  # pixels for the words under an image
STEP = 80  # milliseconds a frame is shown
PAUSE = 700  # milliseconds for the first and the last frame


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
    """Write a film as a GIF that plays forth and back for ever; of several processes the first.

    All frames share one palette, and are not dithered, so that nothing flickers that does not
    move. `frames` are at least two Pillow images of one size, such as `page` draws.
    """
    if not is_main_process():
        return
    palette = Image.fromarray(np.concatenate([np.asarray(frame) for frame in frames])).quantize(256)
    forth = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    steps = [STEP] * (len(frames) - 2)
    with replacing(path) as part:
        forth[0].save(part, save_all=True, append_images=forth[1:] + forth[-2:0:-1], loop=0,
                      optimize=True, duration=[PAUSE, *steps, PAUSE, *steps])  # fmt: skip


def to_pillow(image):
    pixels = (255 * image.detach().float().clamp(0, 1)).round().byte().permute(1, 2, 0).cpu()
    return Image.fromarray(pixels.squeeze(2).numpy()).convert("RGB")
