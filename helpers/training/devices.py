"""Devices, precision and processes, which Hugging Face `accelerate` knows."""

import torch
from accelerate import Accelerator
from torch import nn

from helpers.data.tensors import as_floats
from helpers.system.memory import keep_freed_memory
from helpers.system.processes import on_cpu
from helpers.training.arguments import checked


def accelerator_for(batch_size):
    """The Accelerator of this process, which takes an equal share of every batch; its memory ready.

    A GPU that has bfloat16 computes in it. A processor imitates it, a hundred times as slowly.
    """
    keep_freed_memory()
    cuda = torch.cuda.is_available()
    half = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    accelerator = Accelerator(cpu=on_cpu(), mixed_precision="bf16" if half else "no")
    if batch_size % (count := accelerator.num_processes):
        raise ValueError(f"batch_size must be a multiple of {count}, the number of processes, "
                         f"got {batch_size}")  # fmt: skip
    return accelerator


class Loss(nn.Module):
    """A loss as a module: what `accelerate` wraps must be called for gradients to be averaged."""

    def __init__(self, model, loss_fn):
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def forward(self, x, *labels):
        return checked(self.loss_fn(self.model, x, *labels))["loss"]


def prepared_loss(model, loss_fn, accelerator):
    """The loss as a module on the device, in its precision, its gradients averaged."""
    model.to(accelerator.device, memory_format=torch.channels_last)
    loss = accelerator.prepare(Loss(model, loss_fn))
    if accelerator.num_processes > 1:
        loss.broadcast_buffers = False  # only BatchNorm's change: `average_batchnorm`
    return loss


def batches(data, batch_size, seed, epoch, accelerator):
    """This process's share of each batch of an epoch, images as floats.

    The order is the same in all processes, the noise that follows is each one's own; both are
    drawn from (seed, epoch). Images that do not fill a last batch wait for another epoch.
    """
    count, rank = len(data[0]), accelerator.process_index
    generator = torch.Generator().manual_seed(seed * 10_007 + epoch)
    order = torch.randperm(count, generator=generator)
    torch.manual_seed((seed * 10_007 + epoch) * 1_009 + rank)
    for batch in order[: count - count % batch_size].split(batch_size):
        rows = batch[rank :: accelerator.num_processes].to(accelerator.device)
        x, *labels = (tensor[rows] for tensor in data)
        yield as_floats(x), *labels


def average_batchnorm(accelerator, *models):
    """Average BatchNorm's running statistics over the processes."""
    if accelerator.num_processes > 1:
        for model in models:
            for name, buffer in model.named_buffers():
                if "running_" in name:
                    buffer.copy_(accelerator.reduce(buffer, "mean"))
