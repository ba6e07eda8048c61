"""What a simple classifier finds out about codes: their labels, and whether a prior drew them.

Classifiers are scikit-learn's. All codes are float tensors (N, latent_dim) on the CPU.
"""

import torch
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier


def read_labels(known, choose, asked):
    """Whether the label of each code in `asked` is read rightly: a bool array (N,).

    Each argument is a pair of codes and labels, int tensor (N,). Nearest neighbours, and a Gaussian
    for each class that has more codes than dimensions, learn from `known`; the one that is
    better on `choose` reads `asked`.
    """
    codes, labels = known
    probes = [KNeighborsClassifier(15)]
    if labels.unique(return_counts=True)[1].min() > codes.shape[1]:
        probes.append(QuadraticDiscriminantAnalysis(reg_param=0.01))
    best = max(probes, key=lambda probe: probe.fit(codes, labels).score(*choose))
    return best.predict(asked[0]) == asked[1].numpy()


def two_sample_accuracy(draws, codes, labels):
    """How often nearest neighbours tell codes from draws of a prior, within each class: a float.

    The mean over the classes in `labels`, int tensor (N,), of the cross-validated share that is
    right; 0.5 where no difference is found. `draws` and `codes` (N, latent_dim) have the same
    labels, at least 15 of each class.
    """
    split = StratifiedKFold(5, shuffle=True, random_state=42)
    right = []
    for label in labels.unique():
        both = torch.cat([draws[labels == label], codes[labels == label]])
        which = torch.arange(2).repeat_interleave(len(both) // 2)
        right.append(cross_val_score(KNeighborsClassifier(15), both, which, cv=split).mean())
    return float(sum(right) / len(right))
