"""The canvas of the synthetic faces: coordinates, layers of paint, colours, light and background.

Lengths are in half images: x runs right and y down from -1 to 1, so eyes lie near y = -0.2 and the
chin near 0.9. Everything works on a chunk of images at once, as float32 planes (n, h, w); a
parameter is (n, 1, 1). Colours are lists of three planes or numbers of linear light; `rgb`
converts from the usual gamma values.
"""

import numpy as np

SKIN = ((238, 196, 168), (210, 159, 126), (160, 108, 78), (76, 50, 38))
HAIR = ((30, 25, 24), (88, 56, 36), (128, 60, 32))  # black, brown, auburn
BLOND, GRAY = (204, 164, 102), (158, 156, 154)
WALL = ((92, 74, 58), (58, 74, 96), (150, 140, 128), (36, 36, 40), (110, 52, 46), (180, 176, 170))
MEADOW = ((56, 80, 40), (92, 106, 60), (126, 114, 84))
SKY = (168, 193, 220)


class Scene:
    """Pixel coordinates, and the planes that the layers paint.

    right, down : coordinates of the image
    x, y : upright coordinates of the head's silhouette
    u, v : coordinates on its surface, which turn with it; side = abs(u)
    albedo, cover : colour and opacity of the person; face : opacity of the head alone
    gx, gy : which way the surface faces: to the right, down
    gloss : strength of the highlight
    """

    def __init__(self, p, dimx, dimy):
        self.right = ((np.arange(dimx, dtype=np.float32) + 0.5) / dimx * 2 - 1)[None, None, :]
        self.down = ((np.arange(dimy, dtype=np.float32) + 0.5) / dimy * 2 - 1)[None, :, None]
        self.pixel = (2 / dimy, 2 / dimx)
        self.edge = np.float32(1.3 * max(self.pixel))
        cos, sin = np.cos(p["roll"]) / p["scale"], np.sin(p["roll"]) / p["scale"]
        right, down = self.right - p["shift_x"], self.down - p["shift_y"]
        self.x, self.y = right * cos + down * sin, down * cos - right * sin
        depth = np.maximum(0.6 - 0.75 * self.x**2 - 0.45 * self.y**2, 0)
        self.turn = np.sin(p["yaw"])
        self.u = self.x * np.cos(p["yaw"]) - depth * self.turn
        self.v = self.y * np.cos(p["pitch"]) - depth * np.sin(p["pitch"])
        self.side = np.abs(self.u)
        self.albedo = [np.zeros_like(self.u) for _ in range(3)]
        self.gx, self.gy, self.gloss = (np.zeros_like(self.u) for _ in range(3))
        self.cover, self.face = np.zeros_like(self.u), np.zeros_like(self.u)
        self.skin = palette(SKIN, p["skin_tone"])
        hair = mix(palette(HAIR, p["hair_tone"]), rgb(BLOND), p["Blond Hair"])
        self.hair = mix(hair, rgb(GRAY), 0.8 * np.square(p["Senior"]))

    def inside(self, distance, soft=0.0):
        """Opacity of a shape from the signed distance to its edge (negative inside)."""
        return np.clip(0.5 - distance * (1 / (soft + self.edge)), 0, 1)

    def paint(self, mask, colour):
        for plane, value in zip(self.albedo, colour, strict=True):
            plane += mask * (value - plane)

    def tint(self, mask, colour):
        """Multiply: what lies below shines through."""
        for plane, value in zip(self.albedo, colour, strict=True):
            plane *= 1 + mask * (value - 1)

    def solid(self, mask, colour, gx, gy, gloss):
        """A new body in front of all others: colour, surface and opacity."""
        self.paint(mask, colour)
        self.gx += mask * (gx - self.gx)
        self.gy += mask * (gy - self.gy)
        self.gloss += mask * (gloss - self.gloss)
        self.cover += mask * (1 - self.cover)


def bump(square):
    """Bell of the squared radius: 1 at 0, smooth to exactly 0 from 1 on, so edits stay local."""
    inside = np.maximum(1 - square, 0)
    return inside * inside * inside


def ellipse(x, y, rx, ry):
    return np.square(x * (1 / rx)) + np.square(y * (1 / ry))


def rgb(colour):
    return [np.float32((value / 255) ** 2) for value in colour]


def mix(first, second, share):
    return [a + share * (b - a) for a, b in zip(first, second, strict=True)]


def scale(colour, shade):
    return [channel * shade for channel in colour]


def palette(colours, position):
    """Interpolate linearly between colours; position in [0, 1]."""
    table = np.array([rgb(colour) for colour in colours], np.float32)
    knots = np.linspace(0, 1, len(table))
    return [np.interp(position, knots, column).astype(np.float32) for column in table.T]


def chance(seed, k):
    """The k-th random number in [0, 1) of each image, the same whenever it is asked for."""
    return (seed * np.float32(97 * k + 41)) % 1


def strands(seed, across):
    """Noise along the hair, coarse locks and fine ones: it changes only across the hair."""
    place = 11 * across + 50 * chance(seed, 3)
    return sum(0.6 * np.sin(pitch * place + pitch**2) for pitch in (1.0, 1.7, 3.1, 5.3, 8.9))


def background(p, s):
    """A room or a landscape, far out of focus."""
    seed, right, down = p["image_seed"], s.right, s.down
    room = scale(palette(WALL, chance(seed, 1)), 0.7 + 0.5 * (chance(seed, 2) - 0.5) * right)
    hills = 0.4 * chance(seed, 3) + 0.1 * np.sin(3 * right + 6 * chance(seed, 4))
    sky = np.clip(0.5 + (hills - down) * 2, 0, 1)
    field = mix(palette(MEADOW, chance(seed, 5)), rgb(SKY), sky)
    return mix(room, field, p["outdoor"])


def photograph(p, s, behind):
    """Light the person, put the background behind, expose; uint8 (n, h, w, 3)."""
    harsh = p["harsh_light"]
    lx, ly, lz = p["light_x"] * (0.6 + 0.6 * harsh), p["light_y"], 0.7
    length = np.sqrt(lx**2 + ly**2 + lz**2)
    norm = 1 / np.sqrt(1 + np.square(s.gx) + np.square(s.gy))
    facing = (s.gx * lx + s.gy * ly + lz) * norm / length
    sky = 0.78 - 0.22 * s.gy * norm
    gleam = np.square(np.square(np.square(np.maximum(facing, 0)))) * s.gloss * (0.12 + 0.25 * harsh)
    strength, ambient = 0.82 + 0.40 * harsh, 0.34 - 0.22 * harsh
    warmth = 0.15 * p["light_warmth"] * (1 - 0.5 * p["outdoor"])
    photo = np.empty((*s.u.shape, 3), np.uint8)
    for channel, (wrap, tone) in enumerate(((0.30, 1), (0.18, 0), (0.12, -1.3))):
        direct = np.maximum(facing + wrap, 0) * (strength * (1 + tone * warmth) / (1 + wrap))
        lit = s.albedo[channel] * (direct + ambient * sky) + gleam
        plane = (behind[channel] + s.cover * (lit - behind[channel])) * p["exposure"]
        film = plane * (1.1 + 0.2 * plane) / (1 + 0.6 * plane)  # highlights fade out softly
        photo[..., channel] = np.clip(270 * np.sqrt(film) - 10, 0, 255)
    return photo
