"""What is under all rooms: files that are never half-written, arguments, memory, processes.

Import from here: `files`, `validation`, `memory` and `processes`.
"""
