"""What is under all rooms: files that are never half-written, arguments, processes.

Import from here: `files`, `validation` and `processes`.
"""
