"""A notebook in several processes (torchrun): all train, the first one speaks and writes."""

import os
import sys
import traceback

import torch
from accelerate import PartialState
from IPython import get_ipython


def on_cpu():
    """Whether torchrun has started processes that have no GPU: `accelerate` wants to be told."""
    return "LOCAL_RANK" in os.environ and not torch.cuda.is_available()


def this_process():
    """The state of `accelerate`: which of how many processes this is, and its device."""
    return PartialState(cpu=on_cpu())


def is_main_process():
    """Whether this is the process that draws, prints and writes; True where there is one only."""
    return this_process().is_main_process


def wait_for_all():
    """Wait until all processes are here."""
    this_process().wait_for_everyone()


def silence_others():
    """Let only the first process print; errors of the others go to stderr and end them."""
    if is_main_process() or sys.stdout.name == os.devnull:
        return
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if shell := get_ipython():

        def to_stderr(shell, kind, error, trace, tb_offset=None):  # noqa: ARG001
            traceback.print_exception(kind, error, trace)
            sys.stderr.flush()
            os._exit(1)  # at once: nobody is to wait for this process

        shell.set_custom_exc((Exception,), to_stderr)
