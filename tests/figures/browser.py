"""The panels in a real JupyterLab, in a headless Chromium: make browser-test.

In no tier of the tests, since it needs a browser and a minute or two.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time

import nbformat
import pytest
import requests

from helpers.notebooks import ROOT

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
PATIENCE = 240_000  # milliseconds: on a busy machine a kernel takes long to import PyTorch
EDITOR = """\
import torch
from helpers.analysis.latent import attribute_vector, predict
from helpers.data.tensors import to_tensor, to_unit
from helpers.figures.panels import digit_machine, face_editor
from helpers.notebooks import load_experiment
from helpers.synthetic.faces import render_faces, sample_faces

people = sample_faces(200, seed=1)
faces = to_unit(to_tensor(render_faces(people)))
conv_ae = load_experiment("conv_vanilla")
codes = predict(conv_ae.encode, faces)
smiles = people["Smiling"].to_numpy() > 0
smile = attribute_vector(codes, smiles, ~smiles)
face_editor(conv_ae.decode, faces, codes, {"smile": smile}, start={"smile": 1.0})"""
PIXELS = """image => {
    if (!image.complete || !image.naturalWidth) return null
    const canvas = document.createElement("canvas")
    canvas.width = image.naturalWidth
    canvas.height = image.naturalHeight
    canvas.getContext("2d").drawImage(image, 0, 0)
    return canvas.toDataURL()
}"""
MACHINE = """\
cvae = load_experiment("cvae")
torch.manual_seed(0)
hands = 0.9 * torch.randn(9, cvae.latent_dim)
digit_machine(cvae.decode, hands, {"first dimension": torch.eye(cvae.latent_dim)[0]})"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that shows a notebook with two panels."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(source) for source in (EDITOR, MACHINE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "panels.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        name: str(tmp_path_factory.mktemp(name))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    environment = os.environ | settings | {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    log_file = tmp_path_factory.mktemp("log") / "lab.log"
    with open(log_file, "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                requests.get(f"{address}/api", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                assert server.poll() is None, log_file.read_text(errors="replace")
                time.sleep(1)
        else:
            pytest.fail("JupyterLab does not start")
        yield f"{address}/lab/tree/panels.ipynb"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def page(lab):
    """The notebook in the browser, both cells run."""
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        page = browser.new_page(viewport={"width": 1100, "height": 1400})
        page.set_default_timeout(PATIENCE)
        page.goto(lab)
        page.locator(".jp-CodeCell").first.locator(".cm-content").click()
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for()
        for panel in range(2):
            page.keyboard.press("Shift+Enter")
            try:
                page.locator("img.widget-image").nth(panel).wait_for()
            except sync_api.TimeoutError:
                seen_instead = page.locator(".jp-OutputArea").all_inner_texts()
                pytest.fail(f"no picture appears, but {seen_instead}")
        yield page
        browser.close()


def seen(page, panel):
    """The pixels of the picture that a panel shows in the browser, or None while it loads."""
    return page.locator("img.widget-image").nth(panel).evaluate(PIXELS)


def until_changed(page, panel, before):
    for _ in range(300):
        if seen(page, panel) not in (None, before):
            return
        page.wait_for_timeout(200)
    pytest.fail("the picture stays as it was")


def test_a_slider_that_is_moved_changes_the_face(page):
    before = seen(page, 0)
    slider = page.locator(".widget-hslider", has_text=re.compile("smile")).locator(".noUi-handle")
    for _ in range(10):
        slider.press("ArrowRight")
    until_changed(page, 0, before)


def test_a_number_is_written_and_a_word_is_refused_in_a_sentence(page):
    before = seen(page, 1)
    text = page.locator(".widget-text input")
    text.fill("31415")
    until_changed(page, 1, before)
    page.wait_for_timeout(1000)
    written = seen(page, 1)
    text.fill("31a15")
    page.get_by_text("must be of 1 to 12 digits").wait_for()
    assert seen(page, 1) == written
    assert not page.locator(".jp-OutputArea-output[data-mime-type*=error]").count()
