"""The benchmark measures what it says, on both kinds of processor."""

import pytest

from helpers.benchmark.__main__ import MODELS, main, page


@pytest.mark.slow
def test_everything_is_measured_and_stands_on_the_page(capsys):
    main(["--quick"])
    words = capsys.readouterr().out
    assert "AVX2" in words and "threads" in words
    for name in MODELS:
        numbers = words.split(f"\n| {name} | ")[1].split(" |\n")[0].split(" | ")
        assert len(numbers) == 6 and min(map(float, numbers)) > 0


def test_the_ratio_is_that_of_the_plain_loop_to_ours():
    found = {"instructions": "AVX2", "loads": {}, "steps": dict.fromkeys(MODELS, [30.0, 20.0])}
    assert "| 30.0 | 20.0 | 1.50 |" in page([found, found])
