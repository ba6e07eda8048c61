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

DIGITS = "0123456789"
LONGEST = 12  # digits of a number that is written
WORDS = {"description_width": "9em"}
WIDE = {"width": "30em"}


class Panel(widgets.VBox):
    """Controls, and a picture that follows them.

    `draw` takes a dict of the controls' values and returns a Pillow image. A ValueError of it is
    said in a sentence under the controls, and the picture stays as it was. `controls` are
    ipywidgets by name, `alt` says what is seen to those who do not see it.
    """

    def __init__(self, draw, controls, alt):
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

    It shows the photo, its reconstruction decode(z), and decode(z + sum of slider * direction).
    `codes` (N, latent_dim) are those of the `photos` (N, C, H, W) in [0, 1]. `directions` is a dict
    of name -> (latent_dim,), a slider each, which begins at `start[name]`, else 0, and goes up to
    `limit` in both ways. All tensors are on the CPU.
    """
    start = start or {}

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
    sliders = {name: slider(name, limit, start.get(name, 0.0)) for name in directions}
    return Panel(
        draw, {"test face": face, **sliders}, "A test face, its reconstruction, and the edit."
    )


def digit_machine(decode, hands, directions):
    """A panel that writes any digit, and under it any number, in a handwriting of choice.

    `decode` draws (B, 1, H, W) in [0, 1] from codes (B, latent_dim) and labels int64 (B,). `hands`
    (N, latent_dim) are the handwritings to choose from, `directions` as `face_editor` has them.
    """

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
        **{name: slider(name, 2.0, 0.0) for name in directions},
        "number": widgets.Text("2026", description="write a number", style=WORDS),
    }
    return Panel(draw, controls, "A digit, and a number, written in one handwriting.")


def digits_of(number):
    """The digits of a typed number, as a list of int."""
    number = number.strip()
    wrong = [sign for sign in number if sign not in DIGITS]
    if wrong:
        only = "number must be of the digits 0 to 9 only, such as 1789"
        raise ValueError(f"{only}: {wrong[0]!r} cannot be written")
    if not 1 <= len(number) <= LONGEST:
        raise ValueError(f"number must have 1 to {LONGEST} digits, got {len(number)}")
    return [int(sign) for sign in number]


def slider(name, limit, value):
    return widgets.FloatSlider(
        value, min=-limit, max=limit, step=0.1, description=name, readout_format="+.1f",
        style=WORDS, layout=WIDE,
    )  # fmt: skip
