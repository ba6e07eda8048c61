"""Three broken trainings of a conditional VAE and a healthy one, for the exercise "find the bug".

The bugs are here and not in the notebook, where they would give the answer away.
"""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers.data.tensors import to_unit
from helpers.figures.plots import STYLE, show_image

BUGS = {"healthy": None, "A": "averaged", "B": "sample", "C": "collapsed"}
SHOWN = 8  # digits in a row of the figure


def broken_runs(build, images, labels, steps, seed):
    """Train a conditional VAE four times from the same weights and on the same batches.

    `build()` makes the model: encode(x, labels) gives a Normal, decode(z, labels) the probabilities
    of ink. A step takes 100 of the uint8 images (N, 1, 28, 28). A dict of name -> `train`'s result.
    """
    return {name: train(build, images, labels, bug, steps, seed) for name, bug in BUGS.items()}


def train(build, images, labels, bug, steps, seed):
    """A training with the bug of that name; the random numbers outside stay as they were.

    What it returns has `bug`; `recon` and `kl`, nats a digit by step, as they should be computed;
    `gradient`, the norm of recon's gradient at the encoder's output in the first step; and
    `images` (3, SHOWN, 1, 28, 28): digits, reconstructions, and samples with the same labels.
    """
    run = SimpleNamespace(bug=bug, recon=[], kl=[])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(steps):
            rows = torch.randint(0, len(images), (100,))
            x, y = to_unit(images[rows]), labels[rows]
            q = model.encode(x, y)
            z = q.sample() if bug == "sample" else q.rsample()
            recon = F.binary_cross_entropy(model.decode(z, y), x, reduction="none")
            recon = recon.flatten(1).sum(1).mean()
            kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
            if step == 0:
                (at_encoder,) = torch.autograd.grad(
                    recon, q.mean, retain_graph=True, allow_unused=True
                )
                run.gradient = 0.0 if at_encoder is None else at_encoder.norm().item()
            run.recon.append(recon.item())
            run.kl.append(kl.item())
            loss = {
                "averaged": recon + kl / z.shape[1],  # the mean over the latent dimensions
                "collapsed": recon / x[0].numel() + kl,  # the mean over the pixels
            }.get(bug, recon + kl)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            x, y = to_unit(images[:SHOWN]), labels[:SHOWN]
            code = model.encode(x, y).mean
            decoded = (model.decode(z, y) for z in (code, torch.randn_like(code)))
            run.images = torch.stack([x, *decoded])
    return run


def show_runs(runs):
    """A Figure with a row for each run: both terms by step, digits, reconstructions, samples."""
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(len(runs), 3, figsize=(9, 1.9 * len(runs)), layout="constrained",
                                 width_ratios=(1, 1, 2))  # fmt: skip
        for (name, run), (left, middle, right) in zip(runs.items(), axes, strict=True):
            for ax, term, values in ((left, "recon", run.recon), (middle, "KL", run.kl)):
                ax.plot(values)
                ax.set(title=f"{name}: {term} {values[-1]:.3g} nats", xlabel="step")
                ax.sharey(axes[0][0 if ax is left else 1])
            rows = [torch.cat(list(row), dim=2) for row in run.images]  # (1, 28, SHOWN * 28) each
            show_image(right, torch.cat(rows, dim=1))
            right.set_title(f"gradient of recon at the encoder, first step: {run.gradient:.3g}")
        fig.suptitle("The same model trained four times (digits, reconstructions, samples)")
    return fig
