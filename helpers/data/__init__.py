"""Data: faces and digits are found or downloaded, decoded, kept as arrays, and turned into tensors.

The addresses of the photos and the table are in lfw.py, those of the digits in digits.py.

Import from here: `tensors`, `attributes.sure_labels`, `labels.checked`, `augment.jitter`,
`portrait.cut_face` and `cache.prepared`; the data themselves by get_dataset.py.
"""
