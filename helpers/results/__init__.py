"""What an experiment leaves in output/: weights, metrics, figures, and the tables made of them.

Import from here: `experiments.Experiment`, `weights.read_weights`, `names.EXPERIMENTS`.
"""
