"""The exercises: solutions are right, wrong answers are told apart, and rubbish stops nothing."""

import math
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers.notebooks import ROOT, definitions
from helpers.teaching import checks
from helpers.teaching.exercises import exercise

NOTEBOOKS = {"autoencoders_fc": "fc", "autoencoders_conv": "conv", "cvae_mnist": "cvae"}
PREDICTIONS = {"fc.error_from_16", "conv.lead_over_pca", "conv.who_is_drawn",
               "cvae.worth_of_a_label", "cvae.colder"}  # fmt: skip


# ---- What the checks are given beside the answer


@pytest.fixture(scope="module")
def given():
    """The arguments after the answer, where there are any."""
    torch.manual_seed(0)
    cvae = definitions("cvae_mnist").CVAE(4, 8, 1, 2, 8)
    for parameter in cvae.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return {
        "fc.error_from_16": (0.0102, 0.0075, 0.0054),
        "conv.parameters_of_a_block": (definitions("autoencoders_conv").double_conv,),
        "conv.lead_over_pca": (0.9, 0.84),
        "conv.who_is_drawn": (30.0, 12.0),
        "cvae.in_the_same_hand": (cvae.eval(), torch.rand(1, 1, 28, 28), 7),
        "cvae.colder": ((0.98, 3.5), (0.995, 6.0)),
    }


def verdict(capsys, name, answer, given):
    notebook, check = name.split(".")
    assert getattr(getattr(checks, notebook), check)(answer, *given.get(name, ())) is None
    said = capsys.readouterr().out
    assert said.startswith(f"{check}: ") and said.count("\n") == 1, said
    return said


# ---- Typical wrong answers, and what is said of them


def svd(x):
    return torch.linalg.svd(x, full_matrices=False).Vh


def project(x, d, centre=True, back=True, rows=True):
    m = x.mean(0) if centre else 0
    v = svd(x - m)
    v = v[:d] if rows else v[:, :d].T
    return (m if back else 0) + (x - m) @ v.T @ v


def angles(a, b, basis=lambda m: torch.linalg.qr(m.T).Q, unit=torch.rad2deg):
    return unit(torch.linalg.svdvals(basis(a).T @ basis(b)).clamp(-1, 1).acos())


def kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def kl_of_two(mu_q, logvar_q, mu_p, logvar_p):
    moved = (logvar_q.exp() + (mu_q - mu_p) ** 2) / logvar_p.exp()
    return 0.5 * (moved - 1 + logvar_p - logvar_q)


def circle(a, b, t):
    angle = torch.acos(torch.cosine_similarity(a, b, dim=0))
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def unnormalised_circle(a, b, steps):
    t, angle = torch.linspace(0, 1, steps)[:, None], torch.acos(a @ b)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def t_of(steps):
    return torch.linspace(0, 1, steps)[:, None]


def squares(count, size, side, last=1, together=False, diagonal=False):
    corners = torch.randint(0, size - side + last, (2, 1 if together else count, 1))
    rows, columns = (torch.arange(size) >= corners) & (torch.arange(size) < corners + side)
    columns = rows if diagonal else columns
    return (rows[:, :, None] & columns[:, None, :])[:, None].expand(count, -1, -1, -1)


def cut_off(count, size, side):
    corners = torch.randint(0, size, (2, count, 1))
    rows, columns = (torch.arange(size) >= corners) & (torch.arange(size) < corners + side)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def shortened(v, others):
    v -= others[0]
    return v


def step_by_step(v, others):
    for other in others:
        v = v - (v @ other) / (other @ other) * other
    return v


def coupling(y, half, net, order="right", s_sign=-1.0):
    a, b = y[:, :half], y[:, half:]
    shift, log_scale = net(a)
    undone = {
        "right": (b - shift) * (-log_scale).exp(),
        "forward": b * log_scale.exp() + shift,
        "divide first": b * (-log_scale).exp() - shift,
        "no exp": (b - shift) / log_scale,
    }[order]
    return torch.cat([a, undone], 1), s_sign * log_scale.sum(1)


def of_label(label):
    return torch.tensor([label])


WRONG = {
    "fc.error_from_16": [
        (0.012, "more numbers only help"),
        (0.004, "16 cannot do better"),
        (0.0098, "31% off"),
        ("0.0075", "must be a number, it is '0.0075'"),
    ],
    "fc.projection": [
        (lambda x, d: project(x, d, centre=False), "Subtract the mean before the SVD"),
        (lambda x, d: project(x, d, back=False), "Add the mean again"),
        (lambda x, d: (x - x.mean(0)) @ svd(x - x.mean(0))[:d].T, "These are the codes"),
        (lambda x, d: project(x, d, rows=False), "rows of Vh"),
        (lambda x, d: x @ svd(x - x.mean(0))[:d].T @ svd(x - x.mean(0))[:d], "Project x - m"),
    ],
    "fc.enough_numbers": [
        (lambda v, t, s: int((1 - v.cumsum(0) / t > s).sum()), "counted from 0"),
        (lambda v, t, s: 1 + int((1 - v.cumsum(0) / t >= s).sum()), "losing just as much"),
        (lambda v, t, s: 1 + int((v.cumsum(0) / t < s).sum()), "not what is to be kept"),
        (lambda v, t, s: 1 + int((1 - v.cumsum(0) / v.sum() > s).sum()), "Divide by `total`"),
        (lambda v, t, s: 1 - v.cumsum(0) / t > s, "must be a number"),
    ],
    "fc.principal_angles": [
        (lambda a, b: torch.deg2rad(angles(a, b)).cos(), "These are the cosines"),
        (lambda a, b: angles(a, b, unit=lambda r: r), "These are radians"),
        (lambda a, b: angles(a, b).flip(0), "smallest angle comes first"),
        (lambda a, b: angles(a, b, lambda m: m.T), "Orthonormalise both bases"),
        (lambda a, b: torch.zeros(3), "transpose first"),
    ],
    "fc.attribute_direction": [
        (lambda c, s: c[s <= 0].mean(0) - c[s > 0].mean(0), "The sign is wrong"),
        (lambda c, s: c[s > 0].mean(0) - c.mean(0), "not the mean of all"),
        (lambda c, s: c[s > 0].sum(0) - c[s <= 0].sum(0), "these are sums"),
        (lambda c, s: c[s >= 0].mean(0) - c[s < 0].mean(0), "0 is not above 0"),
        (lambda c, s: c[s > 0].mean() - c[s <= 0].mean(), "dim 0"),
    ],
    "fc.kl_to_standard_normal": [
        (lambda m, v: kl(m, v), r"shape \(8, 4\): sum over the latent"),
        (lambda m, v: kl(m, v).mean(1), "a sum, not a mean"),
        (lambda m, v: 2 * kl(m, v).sum(1), "factor 1/2"),
        (lambda m, v: -kl(m, v).sum(1), "never negative"),
        (lambda m, v: (kl(m, v / 2) - v / 4).sum(1), "exp\\(logvar\\) is sigma\\^2 already"),
        (lambda m, v: kl(m, v).sum(), "sum over dim 1 only"),
        (lambda m, v: kl(m, v).sum(1).mean(), "keep one for each face"),
        (lambda m, v: kl(m, v).sum(0), r"must be \(8,\), it is \(4,\)"),
        (lambda m, v: torch.full((8,), torch.nan), "8 of 8 values are NaN"),
    ],
    "fc.great_circle": [
        (lambda a, b, n: torch.lerp(a, b, t_of(n)), "the straight line"),
        (lambda a, b, n: circle(b, a, t_of(n)), "from the other end"),
        (lambda a, b, n: circle(a, b, t_of(n + 2)[1:-1]), "Both ends"),
        (unnormalised_circle, "over \\*both lengths\\*"),
        (lambda a, b, n: circle(a, b, t_of(n)).T, r"must be \(5, 6\), it is \(6, 5\)"),
    ],
    "conv.parameters_of_a_block": [
        (lambda a, b: 9 * a * b + 9 * b * b, "a scale and a shift"),
        (lambda a, b: 9 * a * b + 9 * b * b + 6 * b, "no bias"),
        (lambda a, b: 3 * a * b + 3 * b * b + 4 * b, "9 weights, not 3"),
        (lambda a, b: 18 * a * b + 4 * b, "from channels_out to channels_out"),
        (lambda a, b: 9 * a * b + 9 * b * b + 2 * b, "and the normalisations learn"),
    ],
    "conv.size_after_transposed": [
        (lambda n, k, s, p: (n + 2 * p - k) // s + 1, "goes the other way"),
        (lambda n, k, s, p: n * s + k - 2 * p, "n - 1 strides"),
        (lambda n, k, s, p: (n - 1) * s + k - p, "both sides"),
        (lambda n, k, s, p: n * s, "kernel 2, stride 2 only"),
        (lambda n, k, s, p: (n - 1) * s + k + 2 * p, "smaller, not larger"),
    ],
    "conv.decibels": [
        (lambda x, y: -10 * ((x - y) ** 2).mean().log10(), "errors of all images first"),
        (lambda x, y: 10 * ((x - y) ** 2).mean((1, 2, 3)).log10(), "the sign is wrong"),
        (lambda x, y: -10 * ((x - y) ** 2).mean((1, 2, 3)).log(), "to the base 10"),
        (lambda x, y: -20 * ((x - y) ** 2).mean((1, 2, 3)).log10(), "factor is 10"),
        (lambda x, y: -10 * (x - y).abs().mean((1, 2, 3)).log10(), "square it"),
        (lambda x, y: -10 * ((x - y) ** 2).sum((1, 2, 3)).log10(), "You summed"),
    ],
    "conv.lead_over_pca": [
        ("shrink", "the lead grows"),
        ("it grows", "must be \"grow\" or \"shrink\", it is 'it grows'"),
        (0.9, "must be .* it is 0.9"),
    ],
    "conv.without": [
        (lambda v, u: torch.linalg.lstsq(u.T, v[:, None]).solution[:, 0] @ u, "part \\*in\\* the"),
        (lambda v, u: v - (u @ v / u.square().sum(1)) @ u, "subtracted twice"),
        (step_by_step, "undid part of the first"),
        (lambda v, u: v - (u @ v) @ u, "squared lengths"),
        (shortened, "in place"),
    ],
    "conv.who_is_drawn": [
        ("code", "30.0 dB, with the right code alone 12.0 dB"),
        ("the features", "it is 'the features'"),
        (True, "it is True"),
    ],
    "conv.random_squares": [
        (lambda *s: ~squares(*s), "the other way round"),
        (lambda *s: squares(*s, last=0), "leaves out its upper end"),
        (lambda *s: squares(*s, together=True), "All squares are in the same place"),
        (lambda *s: squares(*s, diagonal=True), "on the diagonal"),
        (cut_off, "cut off at the edge"),
        (lambda *s: squares(*s).float(), "tensor of bools, they are torch.float32"),
        (lambda *s: squares(*s)[:, 0], r"it is \(200, 16, 16\)"),
        (lambda n, size, side: squares(n, size, side + 1), "yours up to 36"),
    ],
    "conv.covered_error": [
        (lambda x, y, m: ((x - y) ** 2 * m).mean(), "not by all pixels"),
        (lambda x, y, m: ((x - y) ** 2 * m).sum() / m.sum(), "divide by 3 times"),
        (lambda x, y, m: ((x - y) ** 2)[~m.expand_as(x)].mean(), "you took the rest"),
        (lambda x, y, m: (x - y).abs()[m.expand_as(x)].mean(), "Square the differences"),
        (lambda x, y, m: ((x - y) ** 2 * m).sum(), "That is a sum"),
    ],
    "cvae.worth_of_a_label": [
        (math.log2(10), "in bits"),
        (1, "base 10"),
        (10, "not ten nats"),
        (0.1, "probability of a label"),
        (2.0, "must be 2.303, it is 2"),
    ],
    "cvae.with_label": [
        (lambda z, y: torch.cat([z, y[:, None].float()], 1), "a name, not a size"),
        (lambda z, y: torch.cat([z, F.one_hot(y).float()], 1), "no 8 and no 9"),
        (lambda z, y: torch.cat([F.one_hot(y, 10).float(), z], 1), "First z"),
        (lambda z, y: F.one_hot(y, 10), "the label alone"),
    ],
    "cvae.reparameterised": [
        (lambda m, v, e: m + v.exp() * e, "scaled by its root"),
        (lambda m, v, e: m + v * e, "take exp\\(logvar / 2\\)"),
        (lambda m, v, e: m + (v / 2).exp(), "without the noise"),
        (lambda m, v, e: (m + (v / 2).exp() * e).detach(), "no gradient passes"),
        (lambda m, v, e: m + (v.detach() / 2).exp() * e, "no gradient reaches logvar"),
    ],
    "cvae.kl_of_two_gaussians": [
        (lambda *g: kl_of_two(*g), r"shape \(6, 3\)"),
        (lambda a, b, c, d: kl_of_two(c, d, a, b).sum(1), "not symmetric"),
        (lambda *g: 2 * kl_of_two(*g).sum(1), "factor 1/2"),
        (lambda a, b, c, d: kl(a, b).sum(1), "N\\(0, I\\)"),
        (lambda a, b, c, d: kl_of_two(a, b, a, d).sum(1), "Where is the distance"),
    ],
    "cvae.tighter": [
        (lambda w: w.mean(0), "the ELBO"),
        (lambda w: w.logsumexp(0), "Divide the sum by K"),
        (lambda w: w.exp().mean(0).log(), "use torch.logsumexp"),
        (lambda w: math.log(50) - w.logsumexp(0), "The sign is wrong"),
        (lambda w: w.logsumexp(1) - math.log(4), "dim 0"),
    ],
    "cvae.uncoupled": [
        (lambda y, h, net: coupling(y, h, net, "forward"), "forward direction"),
        (lambda y, h, net: coupling(y, h, net, "divide first"), "reverse order"),
        (lambda y, h, net: coupling(y, h, net, "no exp"), "divide by exp\\(s\\)"),
        (lambda y, h, net: coupling(y, h, net, s_sign=1.0), "-sum s"),
        (lambda y, h, net: coupling(y, h, net)[0], "Return two things"),
        (lambda y, h, net: coupling(y, h, lambda a: net(y)), "net takes the half that passes"),
    ],
    "cvae.in_the_same_hand": [
        (lambda f, x, a, b: f.decode(f.encode(x, of_label(a)).mean, of_label(a)), "digit itself"),
        (lambda f, x, a, b: f.decode(f.encode(x, of_label(b)).mean, of_label(b)), "\\*own\\*"),
        (lambda f, x, a, b: f.encode(x, of_label(a)).mean, "decode it"),
        (lambda f, x, a, b: f.decode(f.encode(x, of_label(b)).mean, of_label(a)), "changed places"),
        (lambda f, x, a, b: f.decode(f.encode(x, a).mean, of_label(b)), "raises AttributeError"),
    ],
    "cvae.colder": [
        (("down", "up"), "read as asked goes up"),
        (("up", "down"), "distance goes up"),
        ("up", "Return two things"),
        (("up", "higher"), "it is 'higher'"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, given, capsys):
    said = []
    for answer, message in WRONG[name]:
        said.append(verdict(capsys, name, answer, given))
        assert ": not yet. " in said[-1] and re.search(message, said[-1]), said[-1]
    assert len(set(said)) == len(said) >= 3


def test_every_check_is_tested_here():
    public = {
        f"{notebook}.{name}"
        for notebook in NOTEBOOKS.values()
        for name, thing in vars(getattr(checks, notebook)).items()
        if hasattr(thing, "__wrapped__")
    }
    assert public == WRONG.keys()


# ---- Rubbish, stubs, and what a check leaves behind


def raising(*arguments):
    raise KeyError("no such thing")


RUBBISH = [
    None, 3, -1.5, True, "x", b"x", [], [1, "a"], (1, 2, 3), {}, object(), float("nan"), 1j, int,
    np.zeros(3), np.array("a"), torch.zeros(2, 3), torch.full((), torch.nan), torch.zeros(0),
    torch.ones(1, dtype=torch.complex64), torch.zeros(1, device="meta"), raising, lambda: 1,
]  # fmt: skip
RETURNED = [
    None, 3, "x", [], {}, object(), float("inf"), np.zeros((2, 2)), np.array(["a"]), torch.zeros(0),
    torch.full((8,), torch.nan), torch.zeros(3, 3, 3, 3, 3), torch.tensor([1j]), (1, 2),
    torch.zeros(200, 1, 16, 16, dtype=torch.bool), torch.zeros(1, device="meta"), print,
    (None, None),
]  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.fault("refused")
def test_rubbish_stops_nothing_and_is_never_right(name, given, capsys):
    for rubbish in RUBBISH:
        assert ": not yet. " in verdict(capsys, name, rubbish, given)
    for value in RETURNED:
        said = verdict(capsys, name, lambda *_, value=value: value, given)
        assert ": not yet. " in said and len(said) < 400


@pytest.mark.parametrize("name", WRONG)
def test_a_stub_is_not_filled_in_yet(name, given, capsys):
    def not_yet(*_):
        raise NotImplementedError

    stubs = [..., (..., ...)]
    if name not in PREDICTIONS:
        stubs += [not_yet, lambda *_: ..., lambda *_: (..., ...)]
    for stub in stubs:
        assert verdict(capsys, name, stub, given).endswith(": not filled in yet\n")


def test_a_check_leaves_the_random_numbers_alone(given, capsys):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = verdict(capsys, "conv.random_squares", squares, given)
    assert torch.equal(torch.rand(3), expected)
    assert first == verdict(capsys, "conv.random_squares", squares, given)


def test_a_fault_of_the_check_itself_is_not_hidden():
    @exercise
    def broken(answer):
        return answer.nothing

    with pytest.raises(AttributeError):
        broken(3)


# ---- The notebooks' cells


def cells(notebook, tag):
    nodes = nbformat.read(ROOT / f"{notebook}.ipynb", as_version=4).cells
    return [node for node in nodes if tag in node.metadata.get("tags", [])]


@pytest.fixture(scope="module", params=NOTEBOOKS)
def course(request, given):
    """A notebook, and the names that its exercises and solutions find when they are run."""
    module = definitions(request.param)
    some = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    errors = given["fc.error_from_16"]
    model, x, label = given["cvae.in_the_same_hand"]
    names = vars(module) | {
        "checks": checks, "torch": torch, "np": np, "math": math,
        # fc
        "project": lambda images, count, fitted: count, "test_unit": some, "yardstick": None,
        "squared_error": lambda count, _: np.array([errors[{8: 0, 16: 1, 32: 2}[count]]]),
        # conv
        "mse": 0.0020, "mse_pca": 0.0022, "mse_few": 0.0046, "mse_pca_few": 0.0055,
        "psnr": lambda images, _: np.array([images]), "swapped": 30.0, "alone": 12.0,
        "shown": np.arange(8),
        # cvae
        "model": model, "temperatures": (0.6, 1.0), "frontier": [(0.995, 6.0), (0.98, 3.5)],
    }  # fmt: skip
    if request.param == "cvae_mnist":
        names |= {"test_unit": x, "test_labels": torch.tensor([label])}
    return SimpleNamespace(name=request.param, names=names)


def run(course, capsys):
    """What the exercises say, and after them the solutions."""
    names, said = dict(course.names), []
    for tag in ("exercise", "solution"):
        for cell in cells(course.name, tag):
            exec(cell.source, names)
        said.append(capsys.readouterr().out.splitlines())
    return said


def test_every_solution_is_right(course, capsys):
    _, said = run(course, capsys)
    assert not [line for line in said if ": right. " not in line]
    solved = {f"{NOTEBOOKS[course.name]}.{line.split(':')[0]}" for line in said}
    assert solved == {name for name in WRONG if name.startswith(NOTEBOOKS[course.name] + ".")}


def test_every_stub_runs_and_is_not_filled_in(course, capsys):
    said, _ = run(course, capsys)
    assert len(said) >= 5
    assert not [line for line in said if not line.endswith(": not filled in yet")]


def test_every_exercise_has_a_hint_and_a_folded_solution(course):
    nodes = nbformat.read(ROOT / f"{course.name}.ipynb", as_version=4).cells
    texts = [node.source for node in nodes if node.cell_type == "markdown"]
    tasks = [
        part
        for text in texts
        for part in re.split(r"^(?=#{2,3} )", text, flags=re.MULTILINE)
        if part.startswith("### Exercise ")
    ]
    assert len(tasks) == len(cells(course.name, "solution")) >= 5
    for number, task in enumerate(tasks, start=1):
        assert task.startswith(f"### Exercise {number}: ")
        assert re.search(r"<details><summary>Hint</summary>\n\n.+\n\n</details>", task, re.DOTALL)
        assert any(f"**Exercise {number}**" in text for text in texts)
    for cell in cells(course.name, "solution"):
        assert cell.metadata["jupyter"]["source_hidden"]
