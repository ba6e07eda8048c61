"""Devices, precision and processes, which Hugging Face `accelerate` knows; and memory."""

import torch
from accelerate import Accelerator
from torch import nn

from helpers.data.tensors import as_floats
from helpers.system.memory import keep_freed_memory
from helpers.system.processes import on_cpu
from helpers.training.arguments import checked


class Team:
    """The processes that train one model together; most often this one alone.

    Each takes its share of every batch, with its own noise, and the gradients are averaged. A GPU
    is found by itself, and computes in bfloat16 where it can. There are `size` processes on a
    `device` each, the one that `leads` prints and writes; all have equal shares of a `batch`.
    """

    def __init__(self, batch):
        keep_freed_memory()
        half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        self.accelerator = Accelerator(cpu=on_cpu(), mixed_precision="bf16" if half else "no")
        self.device = self.accelerator.device
        self.size = self.accelerator.num_processes
        self.leads = self.accelerator.is_main_process
        self.backward = self.accelerator.backward
        if batch % self.size:
            below = batch - batch % self.size
            nearby = f"{below} or {below + self.size}" if below else f"{self.size}"
            raise ValueError(
                f"a batch of {batch} cannot be shared equally by {self.size} processes: "
                f"set batch_size to a multiple of {self.size}, such as {nearby}"
            )

    def near(self, data):
        """Put each tensor on the device, if three quarters of its free memory stay free."""
        near = []
        for tensor in data:
            cuda = self.device.type == "cuda"
            far = cuda and 4 * tensor.nbytes > torch.cuda.mem_get_info(self.device)[0]
            near.append(tensor.pin_memory() if far else tensor.to(self.device))
        return near

    def losses(self, model, loss_fn):
        """The loss as a module on the device, in its precision, with gradients averaged."""
        model.to(self.device, memory_format=torch.channels_last)
        losses = self.accelerator.prepare(Losses(model, loss_fn))
        if self.size > 1:
            losses.broadcast_buffers = False  # only BatchNorm's change: `agree` averages them
        return losses

    def batches(self, data, batch_size, seed, epoch):
        """This process's share of each batch of an epoch, on its device, images as floats.

        The order is the same in all processes, the noise that follows is each one's own; both are
        drawn from (seed, epoch). Images that do not fill a last batch wait for another epoch.
        """
        number, rank = len(data[0]), self.accelerator.process_index
        generator = torch.Generator().manual_seed(seed * 10_007 + epoch)
        order = torch.randperm(number, generator=generator)
        torch.manual_seed((seed * 10_007 + epoch) * 1_009 + rank)
        whole = max(batch_size, number - number % batch_size)
        for batch in order[:whole].split(batch_size):
            share = batch[rank :: self.size]
            x, *labels = (t[share.to(t.device)].to(self.device) for t in data)
            yield as_floats(x), *labels

    def agree(self, *models):
        """Average BatchNorm's running statistics over the processes."""
        if self.size > 1:
            for model in models:
                for name, buffer in model.named_buffers():
                    if "running_" in name:
                        buffer.copy_(self.mean(buffer))

    def mean(self, tensor):
        return self.accelerator.reduce(tensor, "mean")


class Losses(nn.Module):
    """The loss as a module: what `accelerate` wraps must be called for gradients to be averaged."""

    def __init__(self, model, loss_fn):
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def forward(self, x, *labels):
        return checked(self.loss_fn(self.model, x, *labels))["loss"]
