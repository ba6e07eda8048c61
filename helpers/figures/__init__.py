"""The look of every figure, panels with sliders, films, and how they get to the disk.

Import from here: the modules `plots`, `maps`, `drawings`, `panels` and `animations`.
"""
