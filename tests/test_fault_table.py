"""tests/README.md names a test for every fault: it must be there."""

import re

from helpers.notebooks import ROOT

TESTS = ROOT / "tests"


def test_every_row_names_tests_that_exist():
    there = {path.stem for path in TESTS.glob("*.py")}
    for path in TESTS.glob("test_*.py"):
        there |= set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M))
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in (TESTS / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| fault", "| ---"))
    ]
    assert len(rows) > 40
    for fault, tests, seen in rows:
        missing = [name for name in re.findall(r"`(test_\w+)`", tests) if name not in there]
        assert not missing, f"{fault}: no test {', '.join(missing)}"
        assert seen, f"{fault}: what does the user see?"
