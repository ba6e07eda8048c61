"""How a synthetic face is drawn: from the back to the front, relief first, then paint.

`p` holds the parameters of a chunk of faces, (n, 1, 1) each, attributes as strengths in [0, 1];
`s` is the scene, or the band of its rows that a layer can reach. See scene.py.
"""

import numpy as np

from helpers.synthetic.scene import (
    Scene,
    background,
    bump,
    chance,
    ellipse,
    mix,
    palette,
    photograph,
    rgb,
    scale,
    strands,
)

IRIS = ((52, 30, 18), (84, 52, 26), (112, 92, 48), (86, 120, 84), (92, 136, 168), (120, 146, 164))
CLOTH = ((40, 48, 72), (140, 142, 150), (96, 40, 44), (196, 192, 184), (46, 70, 60), (34, 32, 36))


def draw(p, dimx, dimy):
    """uint8 images (n, dimy, dimx, 3) of the faces with the parameters `p`."""
    s = Scene(p, dimx, dimy)
    _torso(p, s.rows(0.5, 3.0))
    _back_hair(p, s)
    _neck(p, s.rows(0.2, 3.0))
    _ears(p, s.rows(-0.5, 0.5))
    _head(p, s)
    _beard(p, s.rows(-0.1, 1.3))
    _mouth(p, s.rows(0.2, 1.0))
    _nose(p, s.rows(-0.1, 0.5))
    _eyes(p, s.rows(-0.45, 0.05))
    _brows(p, s.rows(-0.7, -0.1))
    _front_hair(p, s)
    _hat(p, s.rows(-3.0, 0.1))
    _glasses(p, s.rows(-0.5, 0.1))
    return photograph(p, s, background(p, s))


def _half_width(p):
    """Of the head, between the ears."""
    return 0.71 + 0.045 * p["face_width"] + 0.06 * (p["Chubby"] - 0.4)


# --- bodies, from the back to the front -------------------------------------------------------


def _torso(p, s):
    """What the corners show of the shoulders."""
    colour = palette(CLOTH, chance(p["person_seed"], 1))
    shoulders = s.inside(0.86 - 0.05 * p["Male"] + 0.12 * np.abs(s.x) - s.y)
    s.solid(shoulders, colour, 0.4 * s.x, -0.5, 0.0)


def _back_hair(p, s):
    """What falls behind the head and the neck."""
    length, volume, seed = p["hair_length"], p["hair_volume"], p["person_seed"]
    wave = 0.03 * p["hair_wave"] * np.sin(7 * s.y + 6 * chance(seed, 2))
    thick = 0.02 + 0.10 * length + 0.10 * volume * length + 0.1 * np.clip(s.y + 0.2, 0, 1)
    shell = _shell(p, s, thick + wave)
    end = s.y - (2.0 * length - 0.45)
    mask = s.inside(np.maximum((shell - 1) * 0.4, end), 0.05) * (1 - p["Bald"])
    shade = 0.45 + 0.10 * strands(seed, s.x + wave)
    s.solid(mask, scale(s.hair, shade), 0.8 * s.x, 0.0, 0.1)


def _neck(p, s):
    """A column in the shadow of the chin."""
    width = 0.37 + 0.12 * p["Male"] + 0.10 * p["Chubby"]
    across = (s.x - 0.12 * s.turn) * (1 / width)
    mask = s.inside(np.maximum((np.abs(across) - 1) * width, 0.4 - s.y))
    shade = 0.30 + 0.4 * np.clip(s.y - 0.75, 0, 0.6)
    s.solid(mask, scale(s.skin, shade), 0.9 * across, 0.3, 0.0)


def _ears(p, s):
    """The far ear hides behind the head as it turns."""
    x = np.abs(s.x + 0.16 * s.turn) - _half_width(p) - 0.01
    y = s.y + 0.05 + 0.15 * np.sin(p["pitch"])
    radius = ellipse(x + 0.15 * y, y, 0.09, 0.20)
    shade = 0.85 - 0.4 * bump(radius * 2.5)
    colour = scale(mix(s.skin, rgb((180, 84, 66)), 0.15), shade)
    s.solid(s.inside((radius - 1) * 0.06), colour, 0.5 * s.x, 0.1, 0.1)


def _head(p, s):
    """Skull and jaw: the silhouette, the slope of an egg, and the relief of the face upon it."""
    radius = _outline(p, s)
    s.face += s.inside((radius - 1) * 0.34)
    egg = 0.70 + 0.6 * np.square(np.minimum(radius, 1.15))
    _eye_relief(p, s.rows(-0.60, 0.15))
    _nose_relief(p, s.rows(-0.40, 0.50))
    _cheek_relief(p, s.rows(-0.25, 0.55))
    _mouth_relief(p, s.rows(0.20, 1.00))
    _creases(p, s.rows(-0.75, 0.70))
    slope_y, slope_x = np.gradient(s.relief, *s.pixel, axis=(1, 2))
    gx = s.x * 1.15 * egg - slope_x
    gy = (s.y + 0.1) * 0.70 * egg - slope_y
    shine = 0.35 + 0.4 * p["Bald"] * bump(ellipse(s.u, s.v + 0.8, 0.6, 0.4))
    s.solid(s.face, s.skin, gx, gy, shine)
    _complexion(p, s)


def _outline(p, s):
    """1 on the silhouette of the head, less inside."""
    chin = 0.895 + 0.05 * p["face_length"] + 0.05 * _jaw_drop(p)
    chin = chin + 0.03 * p["Male"] - 0.03 * p["Youth"] + 0.02 * p["Chubby"]
    low = np.maximum(s.y + 0.1, 0) * (1 / (chin + 0.1))
    high = np.minimum(s.y + 0.1, 0) * (1 / 0.98)
    jaw = 0.05 * p["jaw_width"] + 0.05 * p["Male"] + 0.14 * (p["Chubby"] - 0.4)
    x = s.x - s.turn * (0.24 * low - 0.06)
    width = _half_width(p) * (1 - (0.13 - jaw) * low)
    square = np.square(low)
    boxy = 0.35 + 0.25 * p["Male"] + 0.3 * p["Chubby"]  # between powers 2 and 4
    skull = np.square(high) * (0.4 - 0.6 * high)
    return np.square(x / width) + square * (1 - boxy + boxy * square) + skull


# --- relief -----------------------------------------------------------------------------------


def _eye_relief(p, s):
    """Brow ridge, socket, eyeball, the bag below."""
    eye_x, eye_y = _eye_place(p)
    side, v = s.side - eye_x, s.v - eye_y
    ridge = 0.02 + 0.025 * p["Male"]
    s.relief += ridge * bump(ellipse(side + 0.02, v + 0.18, 0.30, 0.15))
    s.relief -= 0.07 * bump(ellipse(side, v, 0.27, 0.20))
    s.relief += 0.045 * bump(ellipse(side, v, 0.17, 0.12))
    bag = 0.004 + 0.020 * p["Senior"]
    s.relief -= bag * bump(ellipse(side + 0.02, v - 0.14, 0.16, 0.05))


def _nose_relief(p, s):
    """A ridge that rises and widens towards the tip, the tip's ball, the wings."""
    u, tip = _nose_place(p, s)
    big = p["Big Nose"]
    along = np.clip((s.v + 0.30) * (1 / (tip + 0.30)), 0, 1)
    below = np.clip((s.v - tip + 0.03) * (1 / 0.13), 0, 1)
    width = 0.10 + 0.03 * big + (0.06 + 0.06 * big) * along
    ridge = np.minimum(along * 4, 1) * (0.025 + (0.055 + 0.03 * big) * np.square(along))
    s.relief += ridge * (1 - np.square(below) * (3 - 2 * below)) * bump(np.square(u / width))
    s.relief += 0.05 * bump(ellipse(u, s.v - tip + 0.01, 0.13 + 0.02 * big, 0.13))
    wing = ellipse(np.abs(u) - 0.10 - 0.05 * big, s.v - tip - 0.01, 0.095, 0.11)
    s.relief += 0.045 * bump(wing)


def _cheek_relief(p, s):
    """Cheekbones; a smile bunches the cheeks and lifts them."""
    smile, chubby = p["Smiling"], p["Chubby"]
    apple = ellipse(s.side - 0.40, s.v - 0.17 + 0.08 * smile, 0.34, 0.34)
    s.relief += (0.03 + 0.03 * chubby + 0.05 * smile) * bump(apple)


def _mouth_relief(p, s):
    """The teeth's arch, the hollow below the lips, the chin, the groove above."""
    _, middle = _mouth_place(p)
    u, v = s.u, s.v - middle
    s.relief += 0.04 * bump(ellipse(u, v - 0.02, 0.42, 0.24))
    s.relief -= 0.025 * bump(ellipse(u, v - 0.165, 0.22, 0.07))
    s.relief += 0.045 * bump(ellipse(u, v - 0.30, 0.26, 0.16))
    s.relief -= 0.006 * bump(ellipse(u, v + 0.14, 0.05, 0.09))


def _creases(p, s):
    """From the nose past the mouth's corners, across the forehead, between the brows."""
    smile, senior = p["Smiling"], p["Senior"]
    mouth_x, mouth_y = _mouth_place(p)
    reach = np.clip((s.v - 0.20) * (1 / (mouth_y - 0.16)), 0, 1)
    line = s.side - 0.17 - (mouth_x - 0.08) * reach
    window = bump(ellipse(s.side - 0.30, s.v - 0.36, 0.40, 0.30))
    depth = 0.004 + 0.032 * senior + (0.030 - 0.010 * p["Youth"]) * smile
    s.relief -= depth * window * bump(np.square(line * (1 / 0.09)))
    brow = bump(ellipse(s.u, s.v + 0.52, 0.50, 0.18))
    s.relief -= 0.013 * np.square(senior) * brow * np.sin(s.v * 62 + 3 * s.u**2)
    knit = bump(ellipse(s.side - 0.06, s.v + 0.35, 0.05, 0.12))
    s.relief -= 0.02 * p["Frowning"] * knit


# --- features -----------------------------------------------------------------------------------


def _eye_place(p):
    """Distance of the eyes from the face's middle line, and their height."""
    return 0.29 + 0.03 * p["eye_spacing"], -0.20


def _nose_place(p, s):
    """Sideways coordinate about the nose, whose tip sticks out and so turns further; its tip."""
    tip = 0.20 + 0.05 * p["nose_length"] + 0.03 * p["Big Nose"]
    out = np.clip((s.v + 0.30) * (1 / (tip + 0.30)), 0, 1)
    return s.u - 0.16 * s.turn * out, tip


def _mouth_place(p):
    """Half width and height of the mouth; a smile pulls it wide."""
    width = 0.24 + 0.03 * p["mouth_width"] + 0.075 * p["Smiling"]
    return width, 0.50 + 0.02 * p["mouth_height"] + 0.015 * p["nose_length"]


def _complexion(p, s):
    """Blush, blood under thin skin, tired eyes, spots."""
    face = s.rows(-0.15, 0.50)
    blush = ellipse(face.side - 0.42, face.v - 0.18 + 0.05 * p["Smiling"], 0.30, 0.24)
    face.tint((0.08 + 0.75 * p["Rosy Cheeks"]) * bump(blush), [1.0, 0.62, 0.62])
    nose_u, tip = _nose_place(p, face)
    face.tint(0.3 * bump(ellipse(nose_u, face.v - tip, 0.2, 0.14)), [1.0, 0.75, 0.72])
    face = s.rows(-0.35, 0.05)
    eye_x, eye_y = _eye_place(p)
    tired = bump(ellipse(face.side - eye_x, face.v - eye_y - 0.05, 0.21, 0.16))
    face.tint((0.35 + 0.25 * p["Senior"] - 0.15 * p["Youth"]) * tired, [0.72, 0.60, 0.62])
    seed = p["person_seed"]
    spots = np.sin(9 * s.u + 6 * chance(seed, 5) + 3 * s.v) * np.sin(11 * s.v - 4 * s.u)
    s.tint(0.04 + (0.03 + 0.05 * p["Senior"]) * spots, [0.9, 0.6, 0.5])


def _nose(p, s):
    """Nostrils, the shade around them, the shadow that the nose casts."""
    u, tip = _nose_place(p, s)
    wide = 0.065 + 0.045 * p["Big Nose"]
    side, v = np.abs(u) - wide, s.v - tip
    s.tint(0.8 * bump(ellipse(side, v - 0.06, 0.06, 0.04)), [0.28, 0.16, 0.14])
    s.tint(0.40 * bump(ellipse(u, v - 0.09, 0.22, 0.09)), [0.55, 0.40, 0.38])
    s.tint(0.30 * bump(ellipse(side - 0.105, v, 0.04, 0.09)), [0.6, 0.42, 0.38])
    cast = bump(ellipse(u + 0.18 * p["light_x"], v + 0.02, 0.17, 0.24))
    s.tint((0.1 + 0.5 * p["Harsh Lighting"]) * np.abs(p["light_x"]) * cast, [0.5, 0.4, 0.4])


def _mouth(p, s):
    """A smile lifts the corners, widens the mouth and bares the teeth; a frown drops them."""
    half, middle = _mouth_place(p)
    across = s.u / half
    arch = np.maximum(1 - np.square(across), 0)
    within = s.inside((np.abs(across) - 1) * half, 0.02)
    gap = _jaw_drop(p)
    lift = 0.175 * p["Smiling"] - (0.030 + 0.05 * p["Frowning"]) * (1 - 0.6 * gap)
    line = s.v - middle - lift * (arch - 0.55)  # 0 along the closed mouth
    bared = np.square(p["Smiling"])
    top = -(0.02 * gap + 0.035 * bared) * arch
    bottom = (0.02 * gap + 0.14 * np.square(gap) + 0.045 * bared) * np.sqrt(arch)
    _lips(p, s, line, top, bottom, arch, within)
    hollow = within * s.inside(np.maximum(top - line, line - bottom))
    hollow = hollow * np.minimum(4 * (gap + bared), 1)
    s.paint(hollow, rgb((60, 22, 22)))
    teeth = hollow * s.inside(line - top - 0.075 - 0.03 * p["Smiling"], 0.01)
    s.paint(teeth * np.minimum(0.2 + 1.2 * bared, 1), scale(rgb((250, 240, 226)), 0.6 + 0.5 * arch))
    seam = within * bump(np.square((line - top - 0.005) * (1 / 0.035)))
    s.tint(seam * (0.8 - 0.7 * np.maximum(gap, bared)), [0.28, 0.15, 0.15])
    corner = ellipse((np.abs(across) - 1) * half, line, 0.06, 0.05)
    s.tint(0.5 * bump(corner), [0.45, 0.33, 0.32])


def _jaw_drop(p):
    """In [0, 1]; the two attributes say the same thing, so each counts half."""
    return 0.5 * (p["Mouth Slightly Open"] + 1 - p["Mouth Closed"])


def _lips(p, s, line, top, bottom, arch, within):
    """Cupid's bow above `top`, a fuller lip below `bottom`; the upper one lies in shadow."""
    full = 0.045 + 0.060 * p["Big Lips"] - 0.012 * p["Senior"]
    upper = top - full * arch * (0.8 + 0.2 * np.minimum(6 * np.sqrt(1 - arch), 1))
    lower = bottom + 1.25 * full * np.sqrt(arch) * (0.4 + 0.6 * arch)
    lips = within * s.inside(np.maximum(upper - line, line - lower), 0.02)
    s.paint(lips * (0.60 + 0.35 * p["Wearing Lipstick"]), _lip_colour(p, s))
    s.tint(lips * np.clip((top - line) / full + 0.2, 0, 1), [0.70, 0.62, 0.62])
    s.gloss += lips * (0.2 + 0.5 * p["Wearing Lipstick"])


def _lip_colour(p, s):
    natural = [s.skin[0] * 0.80, s.skin[1] * 0.48, s.skin[2] * 0.52]
    natural = mix(natural, rgb((182, 88, 86)), 0.2 + 0.25 * p["Youth"])
    return mix(natural, rgb((172, 26, 48)), p["Wearing Lipstick"])


def _eyes(p, s):
    """Both at once: `out` runs outwards from each eye's middle."""
    eye_x, eye_y = _eye_place(p)
    out = s.side - eye_x
    v = s.v - eye_y + 0.12 * p["eye_tilt"] * out
    half = 0.132 + 0.010 * p["eye_size"] + 0.012 * p["Youth"]
    arch = np.maximum(1 - np.square(out / half), 0)
    wide = 1 - 0.45 * p["Narrow Eyes"] - 0.13 * p["Smiling"] - 0.1 * p["Frowning"]
    wide = wide * (1 + 0.12 * p["eye_size"] + 0.08 * (p["Youth"] - p["Male"]))
    upper = -0.070 * wide * np.sqrt(arch) * (0.5 + 0.5 * arch)
    lower = 0.048 * wide * arch - 0.010 * p["Smiling"]
    corners = np.abs(out) - half
    opening = s.inside(np.maximum(upper - v, v - lower)) * s.inside(corners)
    lid = bump(np.square((v - upper + 0.055) * (1 / 0.05))) * bump(np.square(out / (1.25 * half)))
    s.tint(0.45 * lid, [0.55, 0.42, 0.40])
    shade = 0.50 + 3.5 * np.clip(v - upper, 0, 0.10)
    s.paint(opening, scale(rgb((222, 214, 208)), shade))
    _iris(p, s, opening, out * np.sign(s.u) - 0.035 * p["gaze"], v)
    edge = s.inside(corners - 0.01, 0.03)
    lash = (v - upper + 0.004) / (0.026 + 0.012 * (1 - p["Male"]))
    s.paint(bump(np.square(lash)) * edge * 0.85, rgb((36, 24, 22)))
    under = bump(np.square((v - lower - 0.004) * (1 / 0.025)))
    s.tint(0.35 * under * edge, [0.5, 0.36, 0.36])


def _iris(p, s, opening, x, v):
    """`x` runs to the image's right in both eyes, so that they look the same way."""
    y = v + 0.012
    radius = np.sqrt(np.square(x) + np.square(y))
    ring = 0.5 + 0.8 * bump(np.square(radius * (1 / 0.075)))
    s.paint(opening * s.inside(radius - 0.066), scale(palette(IRIS, p["eye_colour"]), ring))
    s.paint(opening * s.inside(radius - 0.024), rgb((12, 9, 9)))
    glint = bump(ellipse(x - 0.03 * np.sign(p["light_x"]), y + 0.026, 0.028, 0.028))
    s.paint(opening * glint * 0.9, [1.0, 1.0, 1.0])


def _brows(p, s):
    """Arched strokes that thin outwards; a frown pulls their inner ends down."""
    eye_x, eye_y = _eye_place(p)
    bushy, frown, male = p["Bushy Eyebrows"], p["Frowning"], p["Male"]
    along = (s.side - eye_x - 0.015) * (1 / 0.215)
    arch = 0.045 + 0.02 * p["brow_arch"] - 0.02 * male
    height = 0.165 + 0.02 * p["brow_height"] - 0.015 * male - 0.02 * frown
    curve = arch * np.square(along - 0.05) - arch - height + 0.012 * along
    curve = curve - 0.05 * frown * np.minimum(along, 0)
    thick = (0.018 + 0.040 * bushy) * (1 - 0.45 * np.clip(along, -0.5, 1))
    ends = s.inside((np.abs(along) - 1) * 0.215, 0.08)
    mask = s.inside(np.abs(s.v - eye_y - curve) - thick, 0.045) * ends
    dark = mix(scale(s.hair, 0.5), rgb((52, 38, 32)), 0.5)
    s.paint(mask * (0.6 + 0.35 * bushy), dark)


def _beard(p, s):
    """Stubble, full beard and moustache, before the lips are painted over them."""
    half, middle = _mouth_place(p)
    full, moustache = p["Beard"], p["Mustache"]
    jaw = middle + 0.12 - 0.80 * np.square(s.side) - s.v
    around = np.minimum(2 * s.face, 1) * s.inside(jaw, 0.18)
    around = around * (1 - bump(ellipse(s.u, s.v - middle, 1.4 * half, 0.15)))
    lip = ellipse(s.side - 0.12, s.v - middle + 0.115 - 0.3 * np.square(s.u), 0.17, 0.07)
    whiskers = s.inside((lip - 1) * 0.06, 0.05)
    s.tint(0.7 * p["5 o' Clock Shadow"] * np.maximum(around, whiskers), [0.52, 0.54, 0.58])
    fibre = 0.65 + 0.13 * strands(p["person_seed"], s.u * (1.5 - 0.5 * s.v))
    colour = scale(s.hair, fibre)
    s.paint(around * np.minimum(1.1 * full, 0.95), colour)
    s.paint(whiskers * np.minimum(1.1 * moustache, 0.95), colour)


# --- what lies on the head ----------------------------------------------------------------------


def _front_hair(p, s):
    """Hair between the outer shell of the cut and the hairline."""
    seed, volume, length = p["person_seed"], p["hair_volume"], p["hair_length"]
    bald = p["Bald"]
    wave = 0.05 * p["hair_wave"] * np.sin(6 * s.v + 6 * chance(seed, 2))
    fan = (s.u - 0.4 * p["hair_part"]) / np.maximum(s.v + 2.2, 1.0) + wave
    locks = strands(seed, 1.6 * fan)
    taper = 1 - (1 - np.minimum(1.5 * length, 1)) * np.clip((s.v + 0.7) * 1.5, 0, 1)
    shell = _shell(p, s, 0.01 + (0.03 + 0.08 * volume + 0.10 * length) * taper)
    ends = s.v - 0.05 - 1.9 * np.maximum(length - 0.12, 0) - 0.03 * locks
    beside = s.inside(ends + 0.3 - np.minimum(1.2 * length, 0.3), 0.10)  # of the head: shorter
    mask = s.inside((shell - 1) * 0.4, 0.03 + 0.03 * volume)
    mask = mask * np.maximum(s.inside(ends, 0.10) * s.face, beside)
    line = _hairline(p, s, locks)
    mask = mask * s.inside(line, 0.07)
    crown = s.inside(s.v + 0.45, 0.35)
    mask = mask * (1 - np.minimum(1.2 * bald, 1) * crown)
    s.tint(0.35 * (1 - bald) * s.inside(line - 0.05, 0.20), [0.70, 0.58, 0.52])
    band = bump(np.square((shell - 0.60) * (1 / 0.38)))
    shade = np.maximum(0.68 + 0.16 * locks + 0.35 * band, 0.1)
    s.solid(mask, scale(s.hair, shade), 1.1 * s.x, 0.9 * (s.y + 0.35), 0.25)


def _shell(p, s, thick):
    """1 on the outline of the skull widened by `thick`; straight down below the ears."""
    x = s.x + 0.05 * s.turn
    high = np.minimum(s.y + 0.1, 0) / (0.98 + thick)
    return np.square(x / (_half_width(p) + thick)) + np.square(high) * (0.4 - 0.6 * high)


def _hairline(p, s, locks):
    """Signed distance to the window of hair that frames the face."""
    receding, bangs = p["Receding Hairline"], p["Bangs"]
    wide = 0.67 - 0.05 * np.minimum(p["hair_length"], 0.6)
    top = 0.93 + 0.02 * p["Male"] + 0.14 * receding
    u = (s.u - 0.18 * p["hair_part"] * np.clip(-s.v, 0, 1)) * (1 / wide)
    square = np.square(u)
    opening = square * (0.4 + 0.6 * square) + np.square(np.minimum(s.v - 0.2, 0) * (1 / top))
    temples = 0.18 * receding * bump(ellipse(s.side - 0.36, s.v + 0.66, 0.30, 0.3))
    fringe = s.v + 0.38 + 0.08 * s.u * p["hair_part"] + 0.8 * (1 - bangs)
    slope = 0.35 + 0.55 * np.minimum(p["hair_length"], 1)
    parted = s.v + 0.80 - slope * np.abs(s.u - 0.3 * p["hair_part"])
    line = np.minimum(np.minimum((1 - opening) * 0.4, parted) + temples, fringe)
    return line + (0.012 + 0.02 * bangs) * locks


def _hat(p, s):
    """Crown and brim, pulled down further the stronger the attribute; a shadow on the brow."""
    seed, strength = p["person_seed"], p["Wearing Hat"]
    colour = palette(CLOTH[::-1], chance(seed, 11))
    edge = s.v + 1.40 - 0.88 * strength - 0.10 * np.square(s.u)
    worn = np.minimum(6 * strength, 1)
    s.tint(worn * s.inside(edge - 0.13, 0.25) * s.cover, [0.4, 0.4, 0.42])
    crown = worn * s.inside(np.maximum((_shell(p, s, 0.14) - 1) * 0.45, edge))
    weave = 0.9 + 0.06 * strands(seed, s.u)
    s.solid(crown, scale(colour, weave), 1.2 * s.x, 0.8 * (s.y + 0.5), 0.05)
    wide = _half_width(p) + 0.12 + 0.18 * (chance(seed, 12) > 0.5)
    band = worn * s.inside(np.maximum(np.abs(edge + 0.03) - 0.07, np.abs(s.x) - wide), 0.01)
    s.solid(band, scale(colour, 0.6), 0.9 * s.x, 0.4, 0.05)


def _glasses(p, s):
    """Rims, bridge and arms before the eyes; dark lenses for the sun."""
    seed = p["person_seed"]
    clear, dark = p["Eyeglasses"], p["Sunglasses"]
    eye_x, eye_y = _eye_place(p)
    u = s.u - 0.05 * s.turn
    side, v = np.abs(u), s.v - eye_y - 0.02
    x, y = np.square((side - eye_x) * (1 / 0.225)), np.square(v * (1 / 0.17))
    boxy = chance(seed, 13)  # from ellipses to rounded rectangles
    radius = np.sqrt(np.sqrt((1 - boxy) * np.square(x + y) + boxy * (np.square(x) + np.square(y))))
    worn = np.minimum(1.6 * np.maximum(clear, dark), 1)
    lens = s.inside((radius - 1) * 0.18)
    s.tint(lens * np.minimum(1.1 * dark, 1), [0.05, 0.05, 0.06])
    glare = bump(np.square((0.8 * u + v - 0.12 * np.sign(s.u) - 0.05) * 10))
    s.paint(0.15 * worn * lens * glare, [1.0, 1.0, 1.0])
    thick = 0.007 + 0.020 * np.square(chance(seed, 14)) + 0.005 * worn
    bridge = np.maximum(np.abs(v + 0.05 - 0.4 * np.square(u)) - thick, side - eye_x + 0.215)
    arm = np.maximum(np.abs(v + 0.06) - thick, eye_x + 0.215 - side)
    arm = np.maximum(arm, np.abs(s.x) - 0.70)
    rim = np.abs(radius - 1) * 0.18 - thick
    frame = worn * s.inside(np.minimum(np.minimum(rim, bridge), arm))
    metal = palette([(110, 64, 38), (140, 140, 146), (168, 138, 84)], chance(seed, 15))
    s.paint(frame, mix(rgb((26, 22, 24)), metal, (1 - dark) * (chance(seed, 16) > 0.5)))
    s.gloss += frame * 0.5
