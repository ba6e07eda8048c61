"""How a model learns: `loop.fit` trains it and `loop.evaluate` measures it.

Import those two. The other files are parts of `fit`, each for one concern: see README.md.
"""
