"""Panels with sliders: what a model decodes, while one moves them.

A panel is an ipywidget. Where no kernel runs, or none that speaks to a browser, a still picture
takes its place.
"""

import base64
import html
import io

import ipywidgets as widgets
import torch

from helpers.figures.animations import page

LONGEST = 12  # digits of a number that is written
LOOK = {"style": {"description_width": "9em"}, "layout": {"width": "30em"}}


class Panel(widgets.VBox):
    """Controls, and a picture that follows them.

    `draw` takes the controls' values by their names and returns a Pillow image. A ValueError of it
    is said in a sentence under the controls, and the picture stays as it was. `controls` are
    ipywidgets by name, `alt` says what is seen to those who do not see it.
    """

    def __init__(self, draw, controls, alt):
        self.draw, self.controls, self.alt = draw, controls, alt
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="jpeg", layout={"max_width": "100%"})
        for control in controls.values():
            control.observe(self.refresh, names="value")
        super().__init__([*controls.values(), self.message, self.picture])
        self._show()

    def refresh(self, _change=None):
        """Draw the picture anew from what the controls say."""
        try:
            self._show()
            self.message.value = ""
        except (ValueError, RuntimeError) as error:
            self.message.value = html.escape(str(error).strip().split("\n")[0])

    @torch.no_grad()
    def _show(self):
        buffer = io.BytesIO()
        drawn = self.draw(**{name: control.value for name, control in self.controls.items()})
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

    def draw(face, **strengths):
        z = codes[face - 1]
        edited = z + sum(strengths[name] * step for name, step in directions.items())
        decoded = decode(torch.stack([z, edited]))
        changes = ", ".join(f"{v:+.1f} {name}" for name, v in strengths.items() if v)
        short = (changes or "nothing changed") if len(changes) < 34 else "edited"
        words = [f"photo of test face {face}", "reconstruction", short]
        return page([torch.cat([photos[[face - 1]].cpu(), decoded.cpu()])], [words], size=224)

    face = widgets.IntSlider(1, 1, len(codes), description="test face", **LOOK)
    sliders = {name: slider(name, limit, (start or {}).get(name, 0.0)) for name in directions}
    return Panel(draw, {"face": face, **sliders}, "A test face, its reconstruction, and the edit.")


def digit_machine(decode, hands, directions):
    """A panel that writes any digit, and under it any number, in a handwriting of choice.

    `decode` makes (B, 1, H, W) in [0, 1] of codes (B, latent_dim) and labels int64 (B,). `hands`
    (N, latent_dim) are the handwritings to choose from, `directions` as `face_editor` has them.
    """

    def draw(digit, hand, number, **strengths):
        z = hands[hand - 1] + sum(strengths[name] * step for name, step in directions.items())
        labels = torch.tensor([digit, *digits_of(number)])
        decoded = decode(z.repeat(len(labels), 1), labels).cpu()
        return page([decoded[:1], decoded[1:]], [[f"a {digit} in hand {hand}"], []], size=112)

    controls = {
        "digit": widgets.Dropdown(options=range(10), value=7, description="digit", **LOOK),
        "hand": widgets.IntSlider(1, 1, len(hands), description="handwriting", **LOOK),
        **{name: slider(name, 2.0, 0.0) for name in directions},
        "number": widgets.Text("2026", description="write a number", **LOOK),
    }
    return Panel(draw, controls, "A digit, and a number, written in one handwriting.")


def digits_of(number):
    """The digits of a typed number, as a list of int."""
    number = number.strip()
    if not (number.isascii() and number.isdigit() and len(number) <= LONGEST):
        raise ValueError(f"number must be of 1 to {LONGEST} digits, such as 1789, got {number!r}")
    return [int(sign) for sign in number]


def slider(name, limit, value):
    return widgets.FloatSlider(
        value, min=-limit, max=limit, step=0.1, description=name, readout_format="+.1f", **LOOK
    )
