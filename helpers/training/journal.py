"""The diary of a training: its rows, its progress bar, its best weights, and how it ended."""

import copy
import math
import sys
import time

import pandas as pd
import torch
from tqdm import tqdm

READ_EVERY = 20  # steps between two looks at the loss: a look makes a GPU wait


class Journal:
    """What a training notes, as a context manager around its epochs.

    A KeyboardInterrupt ends the block quietly: then `weights` are those of the best epoch so far
    (since it went on, where it was interrupted before).
    Several processes stop with the KeyboardInterrupt instead, since each is at another step.
    `rows` are the epochs that were trained before, `steps` those of one epoch, `average` the model
    with the averaged weights; `lr` is for messages.
    """

    def __init__(self, title, epochs, steps, lr, rows, average, team):
        self.epochs, self.steps, self.lr = epochs, steps, lr
        self.rows, self.average, self.team = rows, average, team
        self.best_row, self.best_weights = None, None
        self.since = "since it went on" if rows else "so far"
        self.interrupted = False
        if rows:
            self.keep_if_best()
        self.step, self.total = 0, torch.zeros((), device=team.device)
        self.started = time.perf_counter() - (rows[-1]["seconds"] if rows else 0)
        self.bar = tqdm(desc=title, total=epochs * steps, initial=len(rows) * steps,
                        mininterval=1, file=sys.stdout, disable=not team.leads)  # fmt: skip

    def note_step(self, loss):
        """Add a step's loss, a scalar tensor, and look at their mean now and then."""
        self.step += 1
        self.total += loss.detach()
        self.bar.update()
        if self.step % READ_EVERY == 0 or self.step == self.steps:
            mean = self.total.item() / self.step
            self.check_finite("training", mean)
            held_out = f", held out {self.rows[-1]['val_loss']:.5g}" if self.rows else ""
            self.bar.set_postfix_str(f"loss {mean:.5g}{held_out}", refresh=False)

    def note_epoch(self, rate, held_out):
        """Add a row: the last learning rate, the epoch's mean loss, the held-out terms."""
        self.check_finite("held-out", held_out["loss"])
        train_loss = self.team.mean(self.total).item() / self.steps
        self.rows.append(
            {"epoch": len(self.rows) + 1, "seconds": time.perf_counter() - self.started,
             "lr": rate, "train_loss": train_loss}
            | {f"val_{name}": value for name, value in held_out.items()}
        )  # fmt: skip
        self.step, self.total = 0, torch.zeros_like(self.total)
        self.keep_if_best()

    def keep_if_best(self):
        row = self.rows[-1]
        if self.best_row is None or row["val_loss"] <= self.best_row["val_loss"]:
            self.best_row, self.best_weights = row, copy.deepcopy(self.average.state_dict())

    def check_finite(self, which, loss):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the {which} loss became {loss} in epoch {len(self.rows) + 1}: lower lr (now "
                f"{self.lr}), or look for a division or a logarithm of 0 in the loss"
            )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.bar.close()
        self.interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if not self.interrupted or self.team.size > 1:
            return False
        kept = "no epoch has ended, the weights of this moment"
        if self.rows:
            loss, epoch = self.best_row["val_loss"], self.best_row["epoch"]
            kept = f"the best weights {self.since} (held-out loss {loss:.5g}, after epoch {epoch})"
        print(f"Interrupted in epoch {len(self.rows) + 1} of {self.epochs}: {kept} are kept.")
        return True

    def weights(self):
        """State dict that the training ends with: the average, or the best one if interrupted."""
        best = self.interrupted and self.rows
        return self.best_weights if best else self.average.state_dict()

    def history(self):
        """DataFrame, a row an epoch; `attrs["interrupted"]` says whether it was."""
        history = pd.DataFrame(self.rows)
        history.attrs["interrupted"] = self.interrupted
        return history
