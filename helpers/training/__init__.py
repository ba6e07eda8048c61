"""How a model learns: `loop.fit` trains it and `loop.evaluate` measures it.

Import those two; the other files are parts of `fit`.
"""
