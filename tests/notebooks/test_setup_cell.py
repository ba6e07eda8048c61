"""The first code cell: on Colab and Kaggle it fetches the course, elsewhere it does nothing."""

import os
import subprocess
import sys

import pytest
from notebooks.runs import QUICK, read

KAGGLE = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}


def first_code(name):
    return next(cell for cell in read(name).cells if cell.cell_type == "code")


@pytest.fixture
def run(tmp_path):
    """Run the cell, and what follows it, in an empty folder."""
    folder = tmp_path / "working folder"
    folder.mkdir()

    def run(then="", first="", **environment):
        code = "\n".join((first, first_code("autoencoders_fc").source, then))
        clean = {k: v for k, v in os.environ.items() if k not in (*KAGGLE, "COURSE_URL")}
        return subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=clean | environment,
            capture_output=True, text=True,
        )  # fmt: skip

    run.folder = folder
    return run


@pytest.fixture
def course(tmp_path):
    """The address of a small course."""
    folder = tmp_path / "published"
    (folder / "helpers").mkdir(parents=True)
    (folder / "helpers" / "__init__.py").write_text("WHERE = 'fetched'\n")
    (folder / "requirements.txt").write_text("# nothing\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    return folder.as_uri()


def test_all_notebooks_begin_with_the_same_cell():
    cells = [first_code(name) for name in QUICK]
    assert all(cell.metadata.get("tags") == ["setup"] for cell in cells)
    assert len(cells[0].source.splitlines()) <= 15
    assert len({cell.source for cell in cells}) == 1
    assert not any(cell.outputs for cell in cells)


def test_elsewhere_it_does_nothing(run, course):
    done = run("print(os.getcwd())", COURSE_URL=course)
    assert (done.returncode, done.stdout.strip()) == (0, str(run.folder))
    assert not list(run.folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("where", ["Kaggle", "Colab"])
def test_there_it_fetches_the_course_once(run, course, where):
    environment = KAGGLE if where == "Kaggle" else {}
    first = "import sys; sys.modules['google.colab'] = sys" if where == "Colab" else ""
    then = "import helpers; print(helpers.WHERE, os.path.basename(os.getcwd()))"
    for _ in range(2):
        done = run(then, first, COURSE_URL=course, **environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("fetched course")
    assert [path.name for path in run.folder.iterdir()] == ["course"]


def test_without_an_address_that_leads_somewhere_it_stops(run, tmp_path):
    last = run(**KAGGLE).stderr.strip().splitlines()[-1]
    assert last.startswith("AssertionError: COURSE_URL must be the address of this course")
    done = run("print('went on')", COURSE_URL=(tmp_path / "nowhere").as_uri(), **KAGGLE)
    assert done.returncode != 0 and "went on" not in done.stdout
