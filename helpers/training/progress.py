"""What is seen of a training and kept of its epochs: the bar, the history, the best weights."""

import copy
import math
import sys
import time

import pandas as pd
import torch
from tqdm import tqdm

READ_EVERY = 20  # steps between two looks at the loss: a look makes a GPU wait
LONG = 5  # minutes: a longer training says so at its beginning


class Progress:
    """The diary of a training, as a context manager around its epochs of `steps` each.

    `rows`, the history of the epochs trained before, is added to; `average` is the averaged model.
    A KeyboardInterrupt ends the block quietly: then `weights` are those of the best epoch since the
    training began or went on. It ends several processes, since each is at another step.
    """

    def __init__(self, title, epochs, steps, rows, average, accelerator):
        self.title, self.epochs, self.steps = title, epochs, steps
        self.rows, self.average, self.accelerator = rows, average, accelerator
        self.best_row, self.best_weights, self.interrupted = None, None, False
        if rows:
            self.keep_if_best()
        self.step, self.total = 0, torch.zeros((), device=accelerator.device)
        self.done, self.in_all = 0, (epochs - len(rows)) * steps
        self.started = time.perf_counter() - (rows[-1]["seconds"] if rows else 0)
        self.bar = tqdm(desc=title, total=epochs * steps, initial=len(rows) * steps, mininterval=1,
                        file=sys.stdout, disable=not accelerator.is_main_process)  # fmt: skip

    def note_step(self, loss):
        """Add a step's loss, a scalar tensor, and look at their mean now and then."""
        self.step, self.done = self.step + 1, self.done + 1
        self.total += loss.detach()
        self.bar.update()
        if self.done == 1:  # which takes longer than the others
            self.first_step = time.perf_counter()
        if self.step % READ_EVERY == 0 or self.step == self.steps:
            mean = self.total.item() / self.step
            self.check_finite("training", mean)
            validation = f", validation {self.rows[-1]['val_loss']:.5g}" if self.rows else ""
            self.bar.set_postfix_str(f"loss {mean:.5g}{validation}", refresh=False)
        if self.done == READ_EVERY:
            a_step = (time.perf_counter() - self.first_step) / (READ_EVERY - 1)
            minutes = a_step * (self.in_all - self.done) / 60
            if minutes > LONG:
                tqdm.write(f"{self.title}: about {minutes:.0f} minutes on this machine", sys.stdout)

    def note_epoch(self, lr, measured):
        """Add a row: the last learning rate, the epoch's mean loss, the terms on `val`."""
        self.check_finite("validation", measured["loss"])
        train_loss = self.accelerator.reduce(self.total, "mean").item() / self.steps
        terms = {f"val_{name}": value for name, value in measured.items()}
        self.rows.append({"epoch": len(self.rows) + 1,
                          "seconds": time.perf_counter() - self.started, "lr": lr,
                          "train_loss": train_loss} | terms)  # fmt: skip
        self.step, self.total = 0, torch.zeros_like(self.total)
        self.keep_if_best()

    def keep_if_best(self):
        row = self.rows[-1]
        if self.best_row is None or row["val_loss"] <= self.best_row["val_loss"]:
            self.best_row, self.best_weights = row, copy.deepcopy(self.average.state_dict())

    def check_finite(self, which, loss):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the {which} loss became {loss} in epoch {len(self.rows) + 1}: lower lr, or look "
                "for a division or a logarithm of 0 in the loss"
            )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.bar.close()
        self.interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if not self.interrupted or self.accelerator.num_processes > 1:
            return False
        kept = "no epoch has ended, the weights of this moment"
        if best := self.best_row:
            kept = f"the weights of epoch {best['epoch']} (validation loss {best['val_loss']:.5g})"
        print(f"Interrupted in epoch {len(self.rows) + 1} of {self.epochs}: {kept} are kept.")
        return True

    def weights(self):
        """State dict that the training ends with: the average, or the best one if interrupted."""
        return self.interrupted and self.best_weights or self.average.state_dict()

    def history(self):
        """DataFrame, a row an epoch; `attrs["interrupted"]` says whether it was."""
        history = pd.DataFrame(self.rows)
        history.attrs["interrupted"] = self.interrupted
        return history
