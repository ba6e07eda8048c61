"""Training loops to compare `fit` with: the plain one of most courses, then a step better each."""

import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms

from helpers.data.tensors import to_unit
from helpers.system.memory import keep_freed_memory
from helpers.system.processes import this_process
from helpers.training.loop import evaluate, fit

KEPT = "freed memory is kept"  # from here on down, since a process cannot undo it
AVERAGED = "average of the weights"  # now it does what `fit` does
LADDER = {  # name -> what is on, each with all that is above it
    "plain loop": set(),
    "whole batches of uint8": {"batches"},
    "no look at every loss": {"batches", "no_item"},
    "fused AdamW": {"batches", "no_item", "fused"},
    "channels last": {"batches", "no_item", "fused", "channels_last"},
    KEPT: {"batches", "no_item", "fused", "channels_last", "kept"},
    AVERAGED: {"batches", "no_item", "fused", "channels_last", "kept", "average"},
}


def climb(rung, model, train, val, loss_fn, steps, batch_size, lr=1e-3):
    """Train as a rung of `LADDER` does, else with `fit`: seconds a step, and the validation loss.

    From `KEPT` on down, nothing in this process is slowed by page faults any more: the rungs above
    it need a process of their own.
    """
    torch.manual_seed(42)
    train = tuple(t[: steps * batch_size] for t in train)
    if "kept" in LADDER.get(rung, ()):
        keep_freed_memory()
    if rung in LADDER:
        seconds = loop(model, train, loss_fn, batch_size, lr, LADDER[rung])
    else:
        few = tuple(t[:1] for t in val)
        history = fit(model, train, few, loss_fn, epochs=1, batch_size=batch_size, lr=lr)
        seconds = float(history["seconds"].iloc[-1])  # without what it prepares once a training
    return seconds / (len(train[0]) // batch_size), evaluate(model, val, loss_fn)["loss"]


def loop(model, train, loss_fn, batch_size, lr, on):
    """One epoch with what is `on`; its seconds."""
    device = this_process().device
    layout = torch.channels_last if "channels_last" in on else torch.contiguous_format
    model.to(device, memory_format=layout).train()
    optimizer = torch.optim.Adam(model.parameters(), lr)
    if "fused" in on:
        optimizer = torch.optim.AdamW(model.parameters(), lr, fused=True)
    if "average" in on:
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    images = train[0].contiguous(memory_format=layout)
    total = torch.zeros((), device=device)
    if "batches" in on:
        data = batches([t.to(device) for t in (images, *train[1:])], batch_size)
    else:
        data = DataLoader(TensorDataset(to_unit(images), *train[1:]), batch_size, shuffle=True)
    start = time.perf_counter()  # like the seconds of `fit`: without what is prepared once
    for batch in data:
        loss = loss_fn(model, *(t.to(device) for t in batch))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if "average" in on:
            average.update_parameters(model)
        total += loss.detach() if "no_item" in on else loss.item()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def batches(data, batch_size):
    for rows in torch.randperm(len(data[0])).to(data[0].device).split(batch_size):
        images, *labels = (t[rows] for t in data)
        yield to_unit(images), *labels


class PublicCVAE(nn.Module):
    """The conditional VAE of many public pages: 784-256-z, the label as ten more inputs."""

    def __init__(self, latent_dim=20):
        super().__init__()
        self.latent_dim = latent_dim
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


def public_loop(model, images, labels):
    """One pass with one Python-level transform an image; returns seconds a step."""
    transform = transforms.Compose([transforms.ToPILImage(), transforms.ToTensor()])
    data = [(images[i], int(labels[i])) for i in range(len(images))]

    class Digits(torch.utils.data.Dataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, i):
            return transform(data[i][0]), data[i][1]

    device = this_process().device
    optimizer = torch.optim.Adam(model.to(device).parameters())
    start = time.perf_counter()
    for x, y in DataLoader(Digits(), 64, shuffle=True):
        optimizer.zero_grad()
        loss = public_loss(model, x.to(device), y.to(device))["loss"]
        loss.backward()
        optimizer.step()
        loss.item()
    return (time.perf_counter() - start) / (len(images) / 64)
