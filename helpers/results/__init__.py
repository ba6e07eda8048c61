"""What an experiment leaves in output/: weights, metrics, figures, and the tables made of them.

Import from here: `experiments.Experiments`, `weights.read_weights`.
"""
