"""What holds for the models of all three notebooks."""

import torch
from torch.distributions import Normal, kl_divergence


def trained(loss_fn, model, *data, steps=16, lr=3e-3):
    """The losses of a few steps, and the names of the parameters that gradients reached."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    losses, reached = [], set()
    model.train()
    for step in range(steps):
        torch.manual_seed(step % 3)  # the first and the last step have the same
        optimizer.zero_grad()
        loss = loss_fn(model, *data)["loss"]
        loss.backward()
        reached |= {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        optimizer.step()
        losses.append(loss.item())
    return losses, reached


def names_of(model):
    return {name for name, _ in model.named_parameters()}


def check_elbo(loss_fn, model, x, beta):
    """The terms of a VAE of faces are those of the formula, which torch.distributions knows."""
    model.eval()
    torch.manual_seed(3)
    terms = loss_fn(model, x, beta=beta)
    torch.manual_seed(3)
    recon, q = model(x)
    nll = -Normal(recon, (0.5 * model.log_variance).exp()).log_prob(x).flatten(1).sum(1).mean()
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(terms["kl"], kl)
    torch.testing.assert_close(terms["loss"], (nll + beta * kl) / x[0].numel())
