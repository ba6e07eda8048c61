"""A setting that cannot be used is refused in the cell after the settings, by its name."""

import pytest
from notebooks.runs import QUICK, read

from helpers.teaching.settings import SettingsError

BAD = {  # of settings that all notebooks have, as a student or papermill may write them
    "SEED": (-1, 2**62, "42", 1.5, True),
    "SOURCE": ("syntetic", None),
    "OUTPUT_DIR": ("", 3),
    "RETRAIN": ("false", 1),
    "TRAIN_IMAGES": (-100, 0, 1000.5),
    "STANDIN_EPOCHS": (0, "1"),
}


@pytest.fixture(scope="module", params=QUICK)
def checked(request):
    """The settings of a notebook, and a function that checks them, some changed."""
    cells = [cell for cell in read(request.param).cells if cell.cell_type == "code"]
    at = next(i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    names, settings = {"__name__": "student"}, {}
    for cell in cells[1:at]:
        exec(cell.source, names)
    exec(cells[at].source, settings)
    del settings["__builtins__"]
    check = compile(cells[at + 1].source, f"{request.param}, the cell after the settings", "exec")
    return request.param, settings, lambda **changed: exec(check, names | settings | changed)


def test_the_settings_as_they_are_and_the_quick_ones_pass(checked):
    name, _, check = checked
    check()
    check(**QUICK[name])


def test_a_value_that_cannot_be_used_is_refused_by_its_name(checked):
    _, settings, check = checked
    for name in settings:  # no setting may be an object, and each must be in the table
        for value in (object(), *BAD.get(name, ())):
            with pytest.raises(SettingsError, match=f"^{name} must be ") as error:
                check(**{name: value})
            assert str(error.value).endswith("Change the settings cell and run it again.")
    assert BAD.keys() <= settings.keys()
