"""The checks of the exercises in face_generator.ipynb, in their order."""

import torch
from torch.nn import functional as F

from helpers.teaching.exercises import compare, draw, exercise, gradients, returned


@exercise
def hinge(answer):
    """Scores of real and of generated patches (B, 1, H, W) -> the discriminator's loss."""
    real, fake = ((2 * draw(4, 1, 3, 3) + shift).requires_grad_() for shift in (2, 0))
    loss = returned(answer, real, fake)
    of_real, of_fake = F.relu(1 - real), F.relu(1 + fake)
    mean = of_real.mean() + of_fake.mean()
    reverse = F.relu(1 + real).mean() + F.relu(1 - fake).mean()
    at_zero = F.relu(-real).mean() + F.relu(fake).mean()
    late = F.relu(1 - real.mean()) + F.relu(1 + fake.mean())
    straight = 2 - real.mean() + fake.mean()
    compare(loss, mean, "the loss", {
        "Real patches shall score above 1, generated ones below -1: yours is the reverse.": reverse,
        "Where is the hinge? Beyond its margin a patch costs 0, not less.": straight,
        "The margin is missing: real patches shall score above 1, not above 0.": at_zero,
        "Take the maximum with 0 for each patch, then the mean.": late,
        "That is the generator's loss: the discriminator wants the reverse.": -fake.mean(),
        "The mean over the patches, not their sum.": of_real.sum() + of_fake.sum(),
        "Add the two means: no factor 1/2.": mean / 2,
    })  # fmt: skip
    gradients(loss, real=real, fake=fake)
    return "Beyond its margin a patch costs nothing, so the discriminator cares for the others."


@exercise
def flow_matching(answer):
    """Velocity (z_t, t) -> (B, D), noise, codes (B, D), t (B, 1) -> the loss, a scalar."""
    noise, codes, t = draw(6, 4), 2 + draw(6, 4), torch.rand(6, 1)
    velocity, weight = _velocity()
    loss = returned(answer, velocity, noise, codes, t)
    z, target = torch.lerp(noise, codes, t), codes - noise

    def mse(z, wanted):
        return F.mse_loss(velocity(z, t), wanted)

    right = mse(z, target)
    compare(loss, right, "the loss", {
        "At t = 0 there is noise, at t = 1 the code.": mse(noise + codes - z, target),
        "The velocity is codes - noise, not the reverse.": mse(z, -target),
        "The target is the velocity codes - noise, not the code.": mse(z, codes),
        "The target is the velocity codes - noise, not the noise.": mse(z, noise),
        "Ask for the velocity at z_t, on the line between both.": mse(codes, target),
        "The mean over batch and dimensions, not the sum.": right * codes.numel(),
        "Average over the dimensions as well: you summed them.": right * codes.shape[1],
    })  # fmt: skip
    gradients(loss, velocity=weight)
    return "No simulation, no likelihood: a regression on straight lines."


@exercise
def heun_step(answer):
    """Velocity, z (B, D), t (B, 1), dt -> z at t + dt, by the mean of two velocities."""
    z, t, dt = draw(6, 4), torch.rand(6, 1), 0.25
    velocity, _ = _velocity()
    v = velocity(z, t)
    end, middle = velocity(z + dt * v, t + dt), velocity(z + dt / 2 * v, t + dt / 2)
    too_early, at_start = velocity(z + dt * v, t), velocity(z, t + dt)
    with torch.no_grad():
        compare(returned(answer, velocity, z, t, dt), z + dt * (v + end) / 2, "the new z", {
            "That is Euler's step: look at the velocity at its end, too.": z + dt * v,
            "That is the midpoint method: take the mean of start and end.": z + dt * middle,
            "The mean of both velocities: divide their sum by 2.": z + dt * (v + end),
            "Multiply the mean velocity by dt.": z + (v + end) / 2,
            "The mean of both velocities: you took that of the end alone.": z + dt * end,
            "The second velocity is that at time t + dt.": z + dt * (v + too_early) / 2,
            "The second velocity is that where Euler's step ends.": z + dt * (v + at_start) / 2,
            "That is the step alone: add it to z.": dt * (v + end) / 2,
        })  # fmt: skip
    return "Two looks a step, and half the step makes an error of a quarter."


@exercise
def guided(answer):
    """Velocities with and without the label, (B, D) each, and a strength -> (B, D)."""
    labelled, unlabelled, strength = draw(3, 5), draw(3, 5), 2.5
    step = labelled - unlabelled
    found = returned(answer, labelled, unlabelled, strength)
    compare(found, unlabelled + strength * step, "the velocity", {
        "Strength 1 means the labelled: start from the other one.": labelled + strength * step,
        "Both have changed places: strength 0 must ignore the label.": labelled - strength * step,
        "The step goes from without the label to with it.": unlabelled - strength * step,
        "Scale the difference that the label makes, not the velocity.": strength * labelled,
        "That is the step alone: add it to the velocity without the label.": strength * step,
    })  # fmt: skip
    return "At 0 the label is ignored, at 1 it is followed, above 1 it is exaggerated."


def _velocity():
    """A velocity that depends on place and time, as a function, and its weight."""
    weight = draw(5, 4).requires_grad_()

    def velocity(z, t):
        if z.shape != (6, 4) or t.shape != (6, 1):
            raise ValueError("velocity takes z_t of shape (B, D) and t of shape (B, 1)")
        return torch.tanh(torch.cat([z, 3 * t], dim=1) @ weight)

    return velocity, weight
