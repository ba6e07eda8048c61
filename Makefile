# make notebooks | test | test-all | publish | retrain | readme | bench

PYTHON ?= python3
NOTEBOOKS := autoencoders_fc autoencoders_conv cvae_mnist face_generator
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup

# The kernel is the one of .venv, whatever lies in the user's home, and writes nothing there.
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_CONFIG_DIR := $(CURDIR)/.venv/etc/jupyter
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export MPLCONFIGDIR := $(CURDIR)/.venv/matplotlib
export PYDEVD_DISABLE_FILE_VALIDATION := 1
unexport JUPYTER_PATH MPLBACKEND PYTHONHOME PYTHONPATH

.PHONY: notebooks retrain publish test test-all readme bench
.DELETE_ON_ERROR:

notebooks: $(INSTALLED)
	$(BIN)/python -m helpers.execute $(NOTEBOOKS)
	@echo "Done: the executed notebooks are in output/executed/, the figures in output/."

retrain: $(INSTALLED)
	$(BIN)/python -m helpers.execute --retrain $(NOTEBOOKS)

# What is committed is a run on the real data.
publish: $(INSTALLED)
	$(BIN)/python get_dataset.py --source lfw
	$(BIN)/python -m helpers.execute --in-place $(NOTEBOOKS)
	$(BIN)/python -m helpers.results.readme
	$(BIN)/python -m pip freeze | sed 's/+cpu//' > output/versions.txt

bench: $(INSTALLED)
	$(BIN)/python -m helpers.benchmark

readme: $(INSTALLED)
	$(BIN)/python -m helpers.results.readme

# What a newcomer needs to trust the course, every notebook run once in a quick setting.
test: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(PYTEST) -m "not slow"

test-all: test
	$(PYTEST) -m slow

$(INSTALLED): requirements.txt
	@command -v $(PYTHON) > /dev/null || { \
	  echo "There is no $(PYTHON). On Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, this is $$($(PYTHON) --version)." \
	    "Name another one with: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	  echo "$(PYTHON) has no venv. On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -c 'import matplotlib.pyplot'  # lists the fonts once, and says so
	@mkdir -p .venv/etc/ipython  # a kernel that only this machine talks to needs no warning
	@echo 'c.IPKernelApp.log_level = "ERROR"' > .venv/etc/ipython/ipython_kernel_config.py
	@touch $@
