"""How a synthetic face is drawn: from the back to the front, relief first, then paint.

`p` holds the parameters of a chunk of faces, (n, 1, 1) each, attributes as strengths in [0, 1];
`s` is the scene. See scene.py.
"""

import numpy as np

from helpers.synthetic import scene
from helpers.synthetic.scene import bump, chance, ellipse, mix, palette, rgb, scale, strands

IRIS = ((52, 30, 18), (84, 52, 26), (112, 92, 48), (86, 120, 84), (92, 136, 168), (120, 146, 164))
CLOTH = ((40, 48, 72), (140, 142, 150), (96, 40, 44), (196, 192, 184), (46, 70, 60), (34, 32, 36))
EYE_X, EYE_Y = 0.32, -0.20


def draw(p, dimx, dimy):
    """uint8 images (n, dimy, dimx, 3) of the faces with the parameters `p`."""
    s = scene.Scene(p, dimx, dimy)
    for layer in (_body, _head, _mouth, _eyes, _brows, _front_hair, _hat, _glasses):
        layer(p, s)
    return scene.photograph(p, s, scene.background(p, s))


def _body(p, s):
    """Shoulders, the hair behind the neck, the neck in the shadow of the chin, the ears."""
    shoulders = s.inside(0.86 - 0.05 * p["Male"] + 0.12 * np.abs(s.x) - s.y)
    s.solid(shoulders, palette(CLOTH, chance(p["person_seed"], 1)), 0.4 * s.x, -0.5, 0.0)
    length, volume = p["hair_length"], p["hair_volume"]
    wave = 0.03 * p["hair_wave"] * np.sin(7 * s.y + 6 * chance(p["person_seed"], 2))
    thick = 0.02 + 0.10 * length + 0.10 * volume * length + 0.1 * np.clip(s.y + 0.2, 0, 1)
    behind = np.maximum((_shell(p, s, thick + wave) - 1) * 0.4, s.y - (2.0 * length - 0.45))
    shade = 0.45 + 0.10 * strands(p["person_seed"], s.x + wave)
    s.solid(s.inside(behind, 0.05) * (1 - p["Bald"]), scale(s.hair, shade), 0.8 * s.x, 0.0, 0.1)
    width = 0.41 + 0.12 * p["Male"]
    across = (s.x - 0.12 * s.turn) * (1 / width)
    neck = s.inside(np.maximum((np.abs(across) - 1) * width, 0.4 - s.y))
    shade = 0.30 + 0.4 * np.clip(s.y - 0.75, 0, 0.6)
    s.solid(neck, scale(s.skin, shade), 0.9 * across, 0.3, 0.0)
    x = np.abs(s.x + 0.16 * s.turn) - _half_width(p) - 0.01  # the far ear hides as it turns
    ears = ellipse(x + 0.15 * s.y, s.y + 0.05, 0.09, 0.20)
    s.solid(s.inside((ears - 1) * 0.06), scale(s.skin, 0.75), 0.5 * s.x, 0.1, 0.1)


def _head(p, s):
    """Skull and jaw: the silhouette, the slope of an egg, the face's relief upon it, the skin."""
    radius = _outline(p, s)
    s.face += s.inside((radius - 1) * 0.34)
    egg = 0.70 + 0.6 * np.square(np.minimum(radius, 1.15))
    slope_y, slope_x = np.gradient(_relief(p, s), *s.pixel, axis=(1, 2))
    gx = s.x * 1.15 * egg - slope_x
    gy = (s.y + 0.1) * 0.70 * egg - slope_y
    s.solid(
        s.face, s.skin, gx, gy, 0.35 + 0.4 * p["Bald"] * bump(ellipse(s.u, s.v + 0.8, 0.6, 0.4))
    )
    blush = ellipse(s.side - 0.42, s.v - 0.18 + 0.05 * p["Smiling"], 0.30, 0.24)
    s.tint(0.3 * bump(blush), [1.0, 0.62, 0.62])
    u, tip = _nose_place(p, s)
    nostrils = ellipse(np.abs(u) - 0.083 - 0.018 * p["nose_width"], s.v - tip - 0.06, 0.06, 0.04)
    s.tint(0.8 * bump(nostrils), [0.28, 0.16, 0.14])
    s.tint(0.40 * bump(ellipse(u, s.v - tip - 0.09, 0.22, 0.09)), [0.55, 0.40, 0.38])
    cast = bump(ellipse(u + 0.18 * p["light_x"], s.v - tip + 0.02, 0.17, 0.24))
    s.tint((0.1 + 0.5 * p["harsh_light"]) * np.abs(p["light_x"]) * cast, [0.5, 0.4, 0.4])
    whiskers = ellipse(s.side - 0.12, s.v - _mouth_place(p)[1] + 0.115 - 0.3 * s.u**2, 0.17, 0.07)
    mask = s.inside((whiskers - 1) * 0.06, 0.05) * np.minimum(1.1 * p["Mustache"], 0.95)
    s.paint(mask, scale(s.hair, 0.65))


def _half_width(p):
    """Of the head, between the ears."""
    return 0.71 + 0.05 * p["face_width"]


def _outline(p, s):
    """1 on the silhouette of the head, less inside."""
    chin = 0.89 + 0.05 * p["face_length"] + 0.03 * p["Male"] + 0.05 * p["Mouth Slightly Open"]
    low = np.maximum(s.y + 0.1, 0) * (1 / (chin + 0.1))
    high = np.minimum(s.y + 0.1, 0) * (1 / 0.98)
    jaw = 0.07 * p["jaw_width"] + 0.05 * p["Male"]
    x = s.x - s.turn * (0.24 * low - 0.06)
    square, boxy = np.square(low), 0.45 + 0.25 * p["Male"]  # between powers 2 and 4
    skull = np.square(high) * (0.4 - 0.6 * high)
    width = _half_width(p) * (1 - (0.13 - jaw) * low)
    return np.square(x / width) + square * (1 - boxy + boxy * square) + skull


def _relief(p, s):
    """Height of the features above the egg of the head."""
    smile, senior = p["Smiling"], p["Senior"]
    side, v = s.side - EYE_X, s.v - EYE_Y
    relief = (0.02 + 0.025 * p["Male"]) * bump(ellipse(side + 0.02, v + 0.18, 0.30, 0.15))
    relief -= 0.07 * bump(ellipse(side, v, 0.27, 0.20))  # the socket, and the eyeball in it
    relief += 0.045 * bump(ellipse(side, v, 0.17, 0.12))
    u, tip = _nose_place(p, s)
    big = 0.4 + 0.4 * p["nose_width"]
    along = np.clip((s.v + 0.30) * (1 / (tip + 0.30)), 0, 1)
    below = np.clip((s.v - tip + 0.03) * (1 / 0.13), 0, 1)
    ridge = np.minimum(along * 4, 1) * (0.025 + (0.055 + 0.03 * big) * np.square(along))
    width = 0.10 + 0.03 * big + (0.06 + 0.06 * big) * along
    relief += ridge * (1 - np.square(below) * (3 - 2 * below)) * bump(np.square(u / width))
    relief += 0.05 * bump(ellipse(u, s.v - tip + 0.01, 0.13 + 0.02 * big, 0.13))
    relief += 0.045 * bump(ellipse(np.abs(u) - 0.10 - 0.05 * big, s.v - tip - 0.01, 0.095, 0.11))
    # A smile bunches the cheeks, lifts them, and folds the skin from the nose past the mouth
    apple = ellipse(s.side - 0.40, s.v - 0.17 + 0.08 * smile, 0.34, 0.34)
    relief += (0.04 + 0.05 * smile) * bump(apple)
    mouth_x, mouth_y = _mouth_place(p)
    fold = s.side - 0.17 - (mouth_x - 0.08) * np.clip((s.v - 0.20) / (mouth_y - 0.16), 0, 1)
    window = bump(ellipse(s.side - 0.30, s.v - 0.36, 0.40, 0.30))
    relief -= (0.004 + 0.032 * senior + 0.025 * smile) * window * bump(np.square(fold / 0.09))
    forehead = bump(ellipse(s.u, s.v + 0.52, 0.50, 0.18))
    relief -= 0.013 * np.square(senior) * forehead * np.sin(s.v * 62 + 3 * s.u**2)
    relief += 0.04 * bump(ellipse(s.u, s.v - mouth_y - 0.02, 0.42, 0.24))  # the arch of the teeth
    return relief + 0.045 * bump(ellipse(s.u, s.v - mouth_y - 0.30, 0.26, 0.16))


def _nose_place(p, s):
    """Sideways coordinate about the nose, whose tip sticks out and so turns further; its tip."""
    tip = 0.21 + 0.05 * p["nose_length"]
    out = np.clip((s.v + 0.30) * (1 / (tip + 0.30)), 0, 1)
    return s.u - 0.16 * s.turn * out, tip


def _mouth_place(p):
    """Half width and height of the mouth; a smile pulls it wide."""
    width = 0.24 + 0.03 * p["mouth_width"] + 0.075 * p["Smiling"]
    return width, 0.50 + 0.02 * p["nose_length"]


def _mouth(p, s):
    """A smile lifts the corners, widens the mouth and bares the teeth; a frown drops them."""
    half, middle = _mouth_place(p)
    across = s.u / half
    arch = np.maximum(1 - np.square(across), 0)
    within = s.inside((np.abs(across) - 1) * half, 0.02)
    gap, bared = p["Mouth Slightly Open"], np.square(p["Smiling"])
    lift = 0.175 * p["Smiling"] - (0.030 + 0.05 * p["Frowning"]) * (1 - 0.6 * gap)
    line = s.v - middle - lift * (arch - 0.55)  # 0 along the closed mouth
    top = -(0.02 * gap + 0.035 * bared) * arch
    bottom = (0.02 * gap + 0.14 * np.square(gap) + 0.045 * bared) * np.sqrt(arch)
    full = 0.070 + 0.020 * p["lips"] - 0.012 * p["Senior"]
    upper = top - full * arch * (0.8 + 0.2 * np.minimum(6 * np.sqrt(1 - arch), 1))
    lower = bottom + 1.25 * full * np.sqrt(arch) * (0.4 + 0.6 * arch)
    lips = within * s.inside(np.maximum(upper - line, line - lower), 0.02)
    natural = [s.skin[0] * 0.80, s.skin[1] * 0.48, s.skin[2] * 0.52]
    s.paint(lips * 0.7, mix(natural, rgb((182, 76, 78)), 0.7 - 0.4 * p["Male"]))
    s.tint(lips * np.clip((top - line) / full + 0.2, 0, 1), [0.70, 0.62, 0.62])
    s.gloss += lips * 0.3
    hollow = within * s.inside(np.maximum(top - line, line - bottom))
    hollow = hollow * np.minimum(4 * (gap + bared), 1)
    s.paint(hollow, rgb((60, 22, 22)))
    teeth = hollow * s.inside(line - top - 0.075 - 0.03 * p["Smiling"], 0.01)
    s.paint(teeth * np.minimum(0.2 + 1.2 * bared, 1), scale(rgb((250, 240, 226)), 0.6 + 0.5 * arch))
    seam = within * bump(np.square((line - top - 0.005) * (1 / 0.035)))
    s.tint(seam * (0.8 - 0.7 * np.maximum(gap, bared)), [0.28, 0.15, 0.15])


def _eyes(p, s):
    """Both at once: `out` runs outwards from each eye's middle, `x` to the image's right."""
    out = s.side - EYE_X
    v = s.v - EYE_Y
    half = 0.136 + 0.010 * p["eye_size"]
    arch = np.maximum(1 - np.square(out / half), 0)
    wide = 0.85 - 0.13 * p["Smiling"] - 0.1 * p["Frowning"]
    wide = wide * (1 + 0.25 * p["eye_size"] - 0.08 * p["Male"])
    upper = -0.070 * wide * np.sqrt(arch) * (0.5 + 0.5 * arch)
    lower = 0.048 * wide * arch - 0.010 * p["Smiling"]
    corners = np.abs(out) - half
    opening = s.inside(np.maximum(upper - v, v - lower)) * s.inside(corners)
    s.paint(opening, scale(rgb((222, 214, 208)), 0.50 + 3.5 * np.clip(v - upper, 0, 0.10)))
    x = out * np.sign(s.u)
    radius = np.sqrt(np.square(x) + np.square(v + 0.012))
    s.paint(opening * s.inside(radius - 0.066), palette(IRIS, p["eye_colour"]))
    s.paint(opening * s.inside(radius - 0.024), rgb((12, 9, 9)))
    lash = (v - upper + 0.004) / (0.026 + 0.012 * (1 - p["Male"]))
    edge = s.inside(corners - 0.01, 0.03)
    s.paint(bump(np.square(lash)) * edge * 0.85, rgb((36, 24, 22)))
    s.tint(0.35 * bump(np.square((v - lower - 0.004) / 0.025)) * edge, [0.5, 0.36, 0.36])


def _brows(p, s):
    """Arched strokes that thin outwards; a frown pulls their inner ends down."""
    frown, male = p["Frowning"], p["Male"]
    bushy = 0.25 + 0.25 * male + 0.25 * p["brow_width"]
    along = (s.side - EYE_X - 0.015) * (1 / 0.215)
    height = 0.165 - 0.015 * male - 0.02 * frown
    arch = 0.045 - 0.02 * male
    curve = arch * np.square(along - 0.05) - arch - height + 0.012 * along
    curve = curve - 0.05 * frown * np.minimum(along, 0)
    thick = (0.018 + 0.040 * bushy) * (1 - 0.45 * np.clip(along, -0.5, 1))
    mask = s.inside(np.abs(s.v - EYE_Y - curve) - thick, 0.045)
    mask = mask * s.inside((np.abs(along) - 1) * 0.215, 0.08)
    dark = mix(scale(s.hair, 0.5), rgb((52, 38, 32)), 0.5)
    s.paint(mask * (0.6 + 0.35 * bushy), dark)


def _front_hair(p, s):
    """Hair between the outer shell of the cut and the window that frames the face."""
    volume, length, part = p["hair_volume"], p["hair_length"], p["hair_part"]
    wave = 0.05 * p["hair_wave"] * np.sin(6 * s.v + 6 * chance(p["person_seed"], 2))
    locks = strands(p["person_seed"], 1.6 * ((s.u - 0.4 * part) / np.maximum(s.v + 2.2, 1) + wave))
    taper = 1 - (1 - np.minimum(1.5 * length, 1)) * np.clip((s.v + 0.7) * 1.5, 0, 1)
    shell = _shell(p, s, 0.01 + (0.03 + 0.08 * volume + 0.10 * length) * taper)
    ends = s.v - 0.05 - 1.9 * np.maximum(length - 0.12, 0) - 0.03 * locks
    beside = s.inside(ends + 0.3 - np.minimum(1.2 * length, 0.3), 0.10)  # of the head: shorter
    mask = s.inside((shell - 1) * 0.4, 0.03 + 0.03 * volume)
    mask = mask * np.maximum(s.inside(ends, 0.10) * s.face, beside)
    square = np.square((s.u - 0.18 * part * np.clip(-s.v, 0, 1)) / 0.65)
    top = 0.94 + 0.04 * p["Male"]
    opening = square * (0.4 + 0.6 * square) + np.square(np.minimum(s.v - 0.2, 0) / top)
    parted = s.v + 0.80 - (0.35 + 0.55 * np.minimum(length, 1)) * np.abs(s.u - 0.3 * part)
    fringe = s.v + 0.38 + 0.08 * s.u * part + 0.8 * (1 - p["Bangs"])
    line = np.minimum(np.minimum((1 - opening) * 0.4, parted), fringe)
    line = line + (0.012 + 0.02 * p["Bangs"]) * locks
    crown = np.minimum(1.2 * p["Bald"], 1) * s.inside(s.v + 0.45, 0.35)
    mask = mask * s.inside(line, 0.07) * (1 - crown)
    s.tint(0.35 * (1 - p["Bald"]) * s.inside(line - 0.05, 0.20), [0.70, 0.58, 0.52])
    band = bump(np.square((shell - 0.60) / 0.38))
    shade = np.maximum(0.68 + 0.16 * locks + 0.35 * band, 0.1)
    s.solid(mask, scale(s.hair, shade), 1.1 * s.x, 0.9 * (s.y + 0.35), 0.25)


def _shell(p, s, thick):
    """1 on the outline of the skull widened by `thick`; straight down below the ears."""
    high = np.minimum(s.y + 0.1, 0) / (0.98 + thick)
    across = (s.x + 0.05 * s.turn) / (_half_width(p) + thick)
    return np.square(across) + np.square(high) * (0.4 - 0.6 * high)


def _hat(p, s):
    """Crown and brim, pulled down further the stronger the attribute; a shadow on the brow."""
    strength = p["Wearing Hat"]
    colour = palette(CLOTH[::-1], chance(p["person_seed"], 11))
    edge = s.v + 1.40 - 0.88 * strength - 0.10 * np.square(s.u)
    worn = np.minimum(6 * strength, 1)
    s.tint(worn * s.inside(edge - 0.13, 0.25) * s.cover, [0.4, 0.4, 0.42])
    crown = worn * s.inside(np.maximum((_shell(p, s, 0.14) - 1) * 0.45, edge))
    s.solid(crown, scale(colour, 0.9), 1.2 * s.x, 0.8 * (s.y + 0.5), 0.05)
    wide = _half_width(p) + 0.12 + 0.18 * (chance(p["person_seed"], 12) > 0.5)
    brim = worn * s.inside(np.maximum(np.abs(edge + 0.03) - 0.07, np.abs(s.x) - wide), 0.01)
    s.solid(brim, scale(colour, 0.6), 0.9 * s.x, 0.4, 0.05)


def _glasses(p, s):
    """Rims and bridge before the eyes; dark lenses for the sun."""
    boxy = chance(p["person_seed"], 13)  # from ellipses to rounded rectangles
    u = s.u - 0.05 * s.turn
    side, v = np.abs(u), s.v - EYE_Y - 0.02
    x, y = np.square((side - EYE_X) / 0.225), np.square(v / 0.17)
    radius = np.sqrt(np.sqrt((1 - boxy) * np.square(x + y) + boxy * (np.square(x) + np.square(y))))
    worn = np.minimum(1.6 * np.maximum(p["Eyeglasses"], p["Sunglasses"]), 1)
    lens = s.inside((radius - 1) * 0.18)
    s.tint(lens * np.minimum(1.1 * p["Sunglasses"], 1), [0.05, 0.05, 0.06])
    thick = 0.012 + 0.020 * np.square(chance(p["person_seed"], 14))
    bridge = np.maximum(np.abs(v + 0.05 - 0.4 * np.square(u)) - thick, side - EYE_X + 0.215)
    frame = worn * s.inside(np.minimum(np.abs(radius - 1) * 0.18 - thick, bridge))
    s.paint(
        frame, palette([(26, 22, 24), (110, 64, 38), (140, 140, 146)], chance(p["person_seed"], 15))
    )
    s.gloss += frame * 0.5
