"""Training loops to compare `fit` with: the plain one of most courses, then a step better each."""

import time
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms

from helpers.system.memory import keep_freed_memory
from helpers.system.processes import this_process
from helpers.training.loop import evaluate, fit, to_unit

KEPT = "freed memory is kept"  # from here on down, since a process cannot undo it
LADDER = {  # name -> what is on, each with all that is above it
    "plain loop": set(),
    "whole batches of uint8": {"batches"},
    "no look at every loss": {"batches", "no_item"},
    "fused AdamW": {"batches", "no_item", "fused"},
    "channels last": {"batches", "no_item", "fused", "channels_last"},
    KEPT: {"batches", "no_item", "fused", "channels_last"},
}
OWN_LOSS = "a quicker loss"  # `fit` with the notebook's way to the same loss, where it has one


def climb(rung, model, train, val, loss_fn, steps, batch_size, lr=1e-3, seed=42):
    """Train for `steps` steps as a rung of the ladder does, or with `fit`.

    Parameters
    ----------
    rung : str, one of `LADDER`; any other name is `fit`
        From `KEPT` on down, nothing in this process is slowed by page faults any more: the rungs
        above it need a process of their own.
    model, train, val, loss_fn : as `fit` takes them
    steps, batch_size, seed : int
    lr : float

    Returns
    -------
    seconds a step, and the held-out loss afterwards
    """
    torch.manual_seed(seed)
    train = [t[: steps * batch_size] for t in train]
    device = this_process().device
    if rung == KEPT:
        keep_freed_memory()
    if rung in LADDER:
        start = time.perf_counter()
        _loop(model, train, loss_fn, batch_size, lr, LADDER[rung], device)
        wait_for(device)
        seconds = time.perf_counter() - start
    else:
        few = [t[:1] for t in val]
        history = fit(model, train, few, loss_fn, epochs=1, batch_size=batch_size, lr=lr)
        seconds = float(history["seconds"].iloc[-1])  # without what it prepares once a training
    seconds /= len(train[0]) // batch_size
    return seconds, evaluate(model, val, loss_fn)["loss"]


def wait_for(device):
    """Let a GPU finish what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _loop(model, train, loss_fn, batch_size, lr, on, device):
    layout = torch.channels_last if "channels_last" in on else torch.contiguous_format
    model.to(device, memory_format=layout).train()
    optimizer = (
        torch.optim.AdamW(model.parameters(), lr, fused=True)
        if "fused" in on
        else torch.optim.Adam(model.parameters(), lr)
    )
    images = train[0].contiguous(memory_format=layout)
    total = torch.zeros((), device=device)
    for batch in (
        _batches([t.to(device) for t in (images, *train[1:])], batch_size)
        if "batches" in on
        else DataLoader(TensorDataset(to_unit(images), *train[1:]), batch_size, shuffle=True)
    ):
        loss = loss_fn(model, *(t.to(device) for t in batch))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() if "no_item" in on else loss.item()


def _batches(data, batch_size):
    for rows in torch.randperm(len(data[0])).to(data[0].device).split(batch_size):
        images, *labels = (t[rows] for t in data)
        yield to_unit(images), *labels


def compiled(model, batch, loss_fn, steps=20):
    """Seconds that torch.compile takes at first, and a step's with and without it, by turns.

    Returns
    -------
    dict of `compile_s`, `step_s`, `eager_step_s`; or of `failed`, why it cannot be used here
    """
    device = this_process().device
    model, batch = model.to(device).train(), [t.to(device) for t in batch]
    faster = torch.compile(loss_fn)

    def seconds(loss):
        start = time.perf_counter()
        loss(model, *batch)["loss"].backward()
        wait_for(device)
        return time.perf_counter() - start

    try:
        first = seconds(faster)
    except RuntimeError as error:  # no C++ compiler, most often
        return {"failed": str(error).strip().split("\n")[0]}
    pairs = [(seconds(faster), seconds(loss_fn)) for _ in range(steps)]
    step_s, eager_step_s = map(median, zip(*pairs, strict=True))
    return {"compile_s": first, "step_s": step_s, "eager_step_s": eager_step_s}


class PublicCVAE(nn.Module):
    """The conditional VAE of many public pages: 784-256-z, the label as ten more inputs."""

    def __init__(self, latent_dim=20):
        super().__init__()
        self.hidden, self.code = nn.Linear(784 + 10, 256), nn.Linear(256, 2 * latent_dim)
        self.back, self.pixels = nn.Linear(latent_dim + 10, 256), nn.Linear(256, 784)

    def forward(self, x, labels):
        label = F.one_hot(labels, 10).float()
        h = self.hidden(torch.cat([x.flatten(1), label], 1)).relu()
        mu, logvar = self.code(h).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.pixels(self.back(torch.cat([z, label], 1)).relu()), mu, logvar


def public_loss(model, x, labels):
    """The -ELBO in nats, on grey pixels, as those pages have it."""
    logits, mu, logvar = model(x, labels)
    recon = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum")
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
    return {"loss": (recon + kl) / len(x)}


def public_loop(model, images, labels, batch_size=64, lr=1e-3):
    """One pass with one Python-level transform an image; returns seconds a step."""
    transform = transforms.Compose([transforms.ToPILImage(), transforms.ToTensor()])
    data = [(images[i], int(labels[i])) for i in range(len(images))]

    class Digits(torch.utils.data.Dataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, i):
            return transform(data[i][0]), data[i][1]

    device = this_process().device
    optimizer = torch.optim.Adam(model.to(device).parameters(), lr)
    start = time.perf_counter()
    for x, y in DataLoader(Digits(), batch_size, shuffle=True):
        optimizer.zero_grad()
        loss = public_loss(model, x.to(device), y.to(device))["loss"]
        loss.backward()
        optimizer.step()
        loss.item()
    return (time.perf_counter() - start) / (len(images) / batch_size)
