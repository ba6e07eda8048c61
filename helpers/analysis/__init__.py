"""Codes, principal components, measures and corruptions: what is asked of images and models.

Import from here: the modules `latent`, `pca`, `metrics`, `corruption`, `classical`, `probes`,
`rectangles`, `strokes` and `variational`.
"""
