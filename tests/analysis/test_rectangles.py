import torch

from helpers.analysis.rectangles import likeliest_rectangle


def corners(mask):
    rows, columns = (mask.any(dim).nonzero() for dim in (1, 0))
    return [int(n) for n in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)]


def test_a_rectangle_is_found_at_its_place_also_in_a_corner_and_as_a_single_pixel():
    places = [(20, 40, 5, 30), (0, 10, 54, 64), (63, 64, 0, 1), (0, 64, 0, 64)]
    logits = torch.full((len(places), 1, 64, 64), -1.0)
    for one, (top, bottom, left, right) in zip(logits, places, strict=True):
        one[0, top:bottom, left:right] = 1.0
    assert torch.equal(likeliest_rectangle(logits), logits > 0)


def test_no_other_rectangle_has_a_larger_sum():
    logits = torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    found = likeliest_rectangle(logits)
    sums = torch.zeros(4, 65, 65)
    sums[:, 1:, 1:] = logits[:, 0].double().cumsum(1).cumsum(2)
    for one, mask, of_corner in zip(logits, found, sums, strict=True):
        top, bottom, left, right = corners(mask[0])
        assert mask.sum() == (bottom - top) * (right - left)  # one whole rectangle
        rows = of_corner[None] - of_corner[:, None]  # (top, bottom, column)
        every = rows[:, :, None, :] - rows[:, :, :, None]  # (top, bottom, left, right)
        order = torch.ones(65, 65).triu(1) > 0
        most = every[order][:, order].max()
        assert torch.isclose(one[mask].sum(), most, atol=1e-3)
