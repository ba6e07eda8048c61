"""The moving average of a model's weights, which is what is measured and kept."""

import copy

import torch

EVERY = 4  # steps from one update to the next: as good as every step, at a quarter of the time


class MovingAverage:
    """An exponential moving average of the weights over the steps, and BatchNorm's statistics too.

    It generalises better than the last step's weights (Polyak & Juditsky, 1992; Izmailov et al.,
    2018). A step keeps `decay` of it, in [0, 1); it is brought up to date every fourth step.
    """

    def __init__(self, model, decay):
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False)
        changing = {n for n, p in model.named_parameters() if p.requires_grad}
        changing |= {n for n, _ in model.named_buffers() if "running_" in n}
        average, weights = self.model.state_dict(), model.state_dict()
        names = [name for name in weights if name in changing]
        self.average = [average[name] for name in names]
        self.weights = [weights[name] for name in names]

    @torch.no_grad()
    def update(self, step):
        """Move the average towards the weights; a larger share at first forgets the first steps."""
        if step % EVERY == 0:
            kept = min(self.decay, (1 + step) / (10 + step)) ** EVERY
            torch._foreach_lerp_(self.average, self.weights, 1 - kept)
