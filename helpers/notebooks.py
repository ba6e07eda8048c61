"""Use what the notebooks define: in tests, in benchmarks, in a student's own script."""

from pathlib import Path
from types import ModuleType

import nbformat
from torch import nn

from helpers.results.names import EXPERIMENTS
from helpers.results.weights import read_weights

ROOT = Path(__file__).resolve().parent.parent


def definitions(notebook):
    """Run the cells of a notebook that are tagged "definitions": a module with all their names.

    Where one of those cells fails, an ImportError says which, and why.
    """
    path = ROOT / f"{notebook}.ipynb"
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in ROOT.glob("*.ipynb")))
        raise FileNotFoundError(f"no notebook {path.name}; there are: {names}")
    module = ModuleType(notebook)
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        if "definitions" not in cell.metadata.get("tags", []):
            continue
        place = f"{path.name}, cell {number}"
        try:
            exec(compile(cell.source, place, "exec"), module.__dict__)
        except Exception as error:
            raise ImportError(
                f'{place} fails: {type(error).__name__}: {error}. It is tagged "definitions", so '
                "it must run alone, after the cells of that tag above it, as plain Python: without "
                "magics (% and !) and without names from other cells"
            ) from error
    return module


def load_experiment(name, output_dir=ROOT / "output", own=None):
    """A trained model: its class from the notebook, its weights from output/<name>/.

    Parameters
    ----------
    name : str, an experiment that has weights, as `helpers.results.names` lists them
    output_dir : path; output/standin holds the models that were trained on stand-in data
    own : bool or None
        True: the latest weights of settings of your own, from the experiment's folder own/.
        False: the published ones. None: the published ones where there are any, else your own;
        says which, where there are both.

    Returns
    -------
    nn.Module on the CPU, in eval mode

    Examples
    --------
    >>> vae = load_experiment("conv_vae")
    >>> vae.decode(torch.randn(16, vae.latent_dim)).shape
    torch.Size([16, 3, 64, 64])
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment {name!r}; choose one of {', '.join(EXPERIMENTS)}")
    path = _weights_of(Path(output_dir).expanduser() / name, own)
    tensors, metadata = read_weights(path)
    notebook = EXPERIMENTS[name].notebook
    build = getattr(definitions(notebook), metadata["class"], None)
    try:
        if not (isinstance(build, type) and issubclass(build, nn.Module)):
            raise TypeError(f"{metadata['class']!r} is no model of the notebook")
        model = build(**metadata["settings"]["model"])
        model.load_state_dict(tensors)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{path} does not fit {notebook}.ipynb ({reason}); restore both with git, "
            "or run the notebook to train anew"
        ) from error
    return model.eval()


def _weights_of(folder, own):
    """The published weights in a folder, or the latest of one's own; says which of both."""
    published = folder / "model.safetensors"
    whole = (folder / "own").glob("[!.]*.safetensors")  # a file in the making begins with a dot
    owned = sorted(whole, key=lambda path: path.stat().st_mtime)
    if own is None and published.exists() and owned:
        print(f"{published} is taken; your own {owned[-1].name} with own=True.")
    if own or (own is None and not published.exists() and owned):
        if not owned:
            raise FileNotFoundError(f"there are no weights of your own in {folder / 'own'} yet")
        return owned[-1]
    return published
