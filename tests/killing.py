"""Faults: a copy of this process that is killed at a file operation, a full disk, a pickle."""

import faulthandler
import itertools
import os
import signal
import sys
from types import SimpleNamespace

# What Python tells auditors of, whenever a file may be about to change
OPERATIONS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}


def in_child(function, prepare=lambda: None):
    """Run `function` in a copy of this process; what it raised, as "Type: message", or ""."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)  # if it hangs
        said = ""
        try:
            prepare()
            function()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode()[:60000])
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), f"it hung or crashed: {status}"
    return SimpleNamespace(said=said, killed=os.WIFSIGNALED(status))


def begin(function):
    """Run `function` in a copy of this process, and go on; its exit status is 1 if it raised."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    finally:
        os._exit(status)


def killed_at(operation, function):
    """Whether `function` was killed at that file operation, counted from 0, or had ended before."""

    def count_operations():
        number = itertools.count()

        def watch(event, args):
            if event in OPERATIONS and next(number) == operation:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)

    result = in_child(function, count_operations)
    assert result.killed or not result.said, result.said
    return result.killed


def kill_everywhere(prepare, function, check):
    """Kill `function` at its first file operation, at its second, and so on; how often in all."""
    for operation in itertools.count():
        state = prepare(operation)
        killed = killed_at(operation, lambda state=state: function(state))
        check(state)
        if not killed:
            assert operation > 2  # or there was nothing to see
            return operation
    raise AssertionError


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def full():
    """As near to a full disk as one gets without being allowed to mount one."""
    import resource

    nowhere = os.open(os.devnull, os.O_WRONLY)  # what is said need not fit into a file, either
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
