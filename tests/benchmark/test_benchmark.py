"""The benchmark measures what it says, on both kinds of processor."""

import os

import pytest

from helpers.benchmark.__main__ import AVX2, MODELS, main


@pytest.mark.slow
def test_everything_is_measured_and_stands_on_the_page(capsys):
    try:
        main(["--quick"])
    finally:
        for name in AVX2:
            os.environ.pop(name, None)
    words = capsys.readouterr().out
    assert "no more than AVX2" in words and "threads" in words
    rows = {line.split()[0]: line.split()[1:] for line in words.splitlines() if line.strip()}
    for name in MODELS:
        plain, ours, ratio = map(float, rows[name][:3])
        assert len(rows[name]) == 6 and ratio == pytest.approx(plain / ours, rel=0.02)
