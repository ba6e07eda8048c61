"""Data: faces and digits are found or downloaded, decoded, kept as arrays, and turned into tensors.

Import from here: `attributes.sure_labels`, `tensors`, `cache.prepared`; the data by get_dataset.py.
"""
