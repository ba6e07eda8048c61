"""Panels with sliders: what a model draws, while one moves them.

A panel is an ipywidget. Where no kernel runs, or none that speaks to a browser, a still picture
takes its place.
"""

import base64
import html
import io

import ipywidgets as widgets
import torch

from helpers.figures.animations import page
from helpers.system import validation

DIGITS = "0123456789"
TAKEN = ("test face", "digit", "handwriting", "number")  # names of other controls
LONGEST = 12  # digits of a number that is written
WORDS = {"description_width": "9em"}
WIDE = {"width": "30em"}


class Panel(widgets.VBox):
    """Controls, and a picture that follows them.

    What cannot be drawn is said in a sentence under the controls, and the picture stays as it was.

    Parameters
    ----------
    draw : callable that takes a dict of the controls' values and returns a Pillow image, or raises
        a ValueError whose message says what to change
    controls : dict of name -> ipywidget with a `value`
    alt : str, what is seen, for those who do not see it
    """

    def __init__(self, draw, controls, alt):
        if not callable(draw):
            raise TypeError(f"draw must be callable, got {validation.describe(draw)}")
        validation.kinds(dict, "a dict of name -> ipywidget", controls=controls)
        for name, control in controls.items():
            validation.kinds(widgets.ValueWidget, "ipywidgets", **{f"controls[{name!r}]": control})
        validation.texts(alt=alt)
        self.draw, self.controls, self.alt = draw, controls, alt
        self.beginning = {name: control.value for name, control in controls.items()}
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="jpeg", layout={"max_width": "100%"})
        reset = widgets.Button(description="start again", icon="undo")
        reset.on_click(lambda _: self.reset())
        for control in controls.values():
            control.observe(self.refresh, names="value")
        super().__init__([*controls.values(), reset, self.message, self.picture])
        self._show()

    def refresh(self, change=None):
        """Draw the picture anew from what the controls say."""
        try:
            self._show()
            self.message.value = ""
        except (ValueError, RuntimeError) as error:
            self.message.value = html.escape(str(error).strip().split("\n")[0])

    def reset(self):
        """Put all controls back to where they were at first."""
        for name, value in self.beginning.items():
            self.controls[name].value = value

    def _show(self):
        with torch.no_grad():
            drawn = self.draw({name: control.value for name, control in self.controls.items()})
        buffer = io.BytesIO()
        drawn.save(buffer, format="jpeg", quality=90)
        self.picture.value = buffer.getvalue()

    def _repr_mimebundle_(self, **kwargs):
        data = super()._repr_mimebundle_(**kwargs)
        picture = base64.b64encode(self.picture.value).decode("ascii")
        data |= {"image/jpeg": picture, "text/plain": f"{self.alt} (Run this cell for the panel.)"}
        return data, {"image/jpeg": {"alt": self.alt}}


def face_editor(decode, photos, codes, directions, start=None, limit=2.0):
    """A panel to choose a face and to move its code along named directions.

    Parameters
    ----------
    decode : callable, float tensor (B, latent_dim) on the CPU -> (B, C, H, W) in [0, 1]
    photos : float tensor (N, C, H, W) in [0, 1], the faces to choose from
    codes : float tensor (N, latent_dim) on the CPU, their codes
    directions : dict of name -> float tensor (latent_dim,) on the CPU, a slider each
    start : dict of name -> where that slider begins, or None: all at 0
    limit : float, how far a slider goes, in both ways

    Returns
    -------
    Panel: the photo, its reconstruction decode(z), and decode(z + sum of slider * direction)

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    """
    _check_decode(decode)
    validation.tensors("N C H W", any_device=True, photos=photos)
    validation.tensors("N latent_dim", codes=codes)
    if len(photos) != len(codes):
        raise ValueError(f"codes must be one for each of {len(photos)} photos, got {len(codes)}")
    _check_directions(directions, codes.shape[1])
    validation.numbers(0.1, 100, limit=limit)
    start = {} if start is None else start
    if not isinstance(start, dict) or not start.keys() <= directions.keys():
        raise ValueError(f"start must be a dict of some of {list(directions)}, or None, "
                         f"got {validation.describe(start)}")  # fmt: skip
    validation.numbers(-limit, limit, **{f"start[{name!r}]": v for name, v in start.items()})

    def draw(values):
        face, z = values["test face"], codes[values["test face"] - 1]
        strengths = {name: values[name] for name in directions}
        edited = z + sum(strengths[name] * step for name, step in directions.items())
        decoded = decode(torch.stack([z, edited]))
        changes = ", ".join(f"{v:+.1f} {name}" for name, v in strengths.items() if v)
        words = [f"photo of test face {face}", "reconstruction", "edited"]
        if len(changes) < 34:
            words[2] = changes or "nothing changed"
        return page([torch.cat([photos[[face - 1]].cpu(), decoded.cpu()])], [words], size=224)

    face = widgets.IntSlider(1, 1, len(codes), description="test face", style=WORDS, layout=WIDE)
    sliders = {name: _slider(name, limit, start.get(name, 0.0)) for name in directions}
    return Panel(
        draw, {"test face": face, **sliders}, "A test face, its reconstruction, and the edit."
    )


def digit_machine(decode, hands, directions, number="2026", limit=2.0):
    """A panel that writes any digit, and any number, in a handwriting of choice.

    Parameters
    ----------
    decode : callable, (codes (B, latent_dim), labels int64 (B,)) -> (B, 1, H, W) in [0, 1]
    hands : float tensor (N, latent_dim) on the CPU, the handwritings to choose from
    directions : dict of name -> float tensor (latent_dim,) on the CPU, a slider each
    number : str, what is written first
    limit : float, how far a slider goes, in both ways

    Returns
    -------
    Panel: a digit, and under it the number, in one handwriting

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    """
    _check_decode(decode)
    validation.tensors("N latent_dim", hands=hands)
    _check_directions(directions, hands.shape[1])
    validation.numbers(0.1, 100, limit=limit)
    validation.texts(number=number)
    digits_of(number)

    def draw(values):
        digit, hand = values["digit"], values["handwriting"]
        z = hands[hand - 1] + sum(values[name] * step for name, step in directions.items())
        labels = torch.tensor([digit, *digits_of(values["number"])])
        drawn = decode(z.repeat(len(labels), 1), labels).cpu()
        return page([drawn[:1], drawn[1:]], [[f"a {digit} in hand {hand}"], []], size=112)

    controls = {
        "digit": widgets.Dropdown(options=range(10), value=7, description="digit", style=WORDS),
        "handwriting": widgets.IntSlider(
            1, 1, len(hands), description="handwriting", style=WORDS, layout=WIDE
        ),
        **{name: _slider(name, limit, 0.0) for name in directions},
        "number": widgets.Text(number, description="write a number", style=WORDS),
    }
    return Panel(draw, controls, "A digit, and a number, written in one handwriting.")


def digits_of(number):
    """The digits of a typed number, as a list of int.

    Raises
    ------
    TypeError, ValueError : if it is no str of 1 to 12 digits; blanks around it do not matter.
    """
    validation.texts(number=number)
    wrong = [sign for sign in number.strip() if sign not in DIGITS]
    if wrong:
        raise ValueError(f"number must be of the digits 0 to 9 only, such as 1789: {wrong[0]!r} "
                         "cannot be written")  # fmt: skip
    if not 1 <= len(number.strip()) <= LONGEST:
        raise ValueError(f"number must have 1 to {LONGEST} digits, got {len(number.strip())}")
    return [int(sign) for sign in number.strip()]


def _slider(name, limit, value):
    return widgets.FloatSlider(
        value, min=-limit, max=limit, step=0.1, description=name, readout_format="+.1f",
        style=WORDS, layout=WIDE,
    )  # fmt: skip


def _check_decode(decode):
    if not callable(decode):
        raise TypeError(f"decode must be callable, got {validation.describe(decode)}")


def _check_directions(directions, latent_dim):
    if not isinstance(directions, dict) or not directions:
        raise TypeError(f"directions must be a dict of name -> tensor, "
                        f"got {validation.describe(directions)}")  # fmt: skip
    for name, step in directions.items():
        validation.texts(directions=name)
        if name in TAKEN:
            raise ValueError(f"directions must not be called {name!r}, as another control is")
        validation.tensors("latent_dim", **{f"directions[{name!r}]": step})
        if len(step) != latent_dim:
            raise ValueError(f"directions[{name!r}] must have {latent_dim} numbers, as the codes, "
                             f"got {len(step)}")  # fmt: skip
