"""Use what the notebooks define: in tests, in benchmarks, in a student's own script."""

from pathlib import Path
from types import ModuleType

import nbformat
from torch import nn

from helpers.results.experiments import read_weights
from helpers.system import validation

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK_OF = {
    "fc_vanilla": "autoencoders_fc",
    "fc_vae": "autoencoders_fc",
    "conv_vanilla": "autoencoders_conv",
    "conv_vanilla_32": "autoencoders_conv",
    "conv_denoising": "autoencoders_conv",
    "conv_occlusion": "autoencoders_conv",
    "conv_vae": "autoencoders_conv",
    "cvae": "cvae_mnist",
}


def definitions(notebook):
    """Run the cells of a notebook that are tagged "definitions", and no others.

    Parameters
    ----------
    notebook : str, its file's name in the repository, without ".ipynb"

    Returns
    -------
    module with all names that those cells define

    Raises
    ------
    FileNotFoundError : if there is no such notebook.
    """
    validation.texts(notebook=notebook)
    path = ROOT / f"{notebook}.ipynb"
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in ROOT.glob("*.ipynb")))
        raise FileNotFoundError(f"no notebook {path.name}; there are: {names}")
    module = ModuleType(notebook)
    for i, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if "definitions" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"{path.name}, cell {i + 1}", "exec"), module.__dict__)
    return module


def load_experiment(name, output_dir=ROOT / "output"):
    """A trained model: its class from the notebook, its weights from output/<name>/.

    Parameters
    ----------
    name : str, one of `NOTEBOOK_OF`
    output_dir : path; output/standin holds the models that were trained on stand-in data

    Returns
    -------
    nn.Module on the CPU, in eval mode

    Raises
    ------
    ValueError : if the name is unknown, or the weights are damaged or of another model.
    FileNotFoundError : if there are no weights yet.

    Examples
    --------
    >>> vae = load_experiment("conv_vae")
    >>> vae.decode(torch.randn(16, vae.latent_dim)).shape
    torch.Size([16, 3, 64, 64])
    """
    validation.texts(name=name)
    validation.paths(output_dir=output_dir)
    if name not in NOTEBOOK_OF:
        raise ValueError(f"no experiment {name!r}; choose one of {', '.join(NOTEBOOK_OF)}")
    path = Path(output_dir) / name / "model.safetensors"
    tensors, metadata = read_weights(path)
    build = getattr(definitions(NOTEBOOK_OF[name]), metadata["class"], None)
    try:
        if not (isinstance(build, type) and issubclass(build, nn.Module)):
            raise TypeError(f"{metadata['class']!r} is no model of the notebook")
        model = build(**metadata["settings"]["model"])
        model.load_state_dict(tensors)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{path} does not fit {NOTEBOOK_OF[name]}.ipynb ({reason}); restore both with git, "
            "or run the notebook to train anew"
        ) from error
    return model.eval()
