"""What tells trainings apart."""

import hashlib
import json


def digest(key):
    """Twelve hex digits that tell what a training depends on, a dict for JSON, from others."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def differences(found, wanted):
    """In which settings two trainings differ, as text for a person."""
    names = [n for n in found | wanted if found.get(n) != wanted.get(n)]
    return ", ".join(f"{n} {found.get(n)} there, {wanted.get(n)} here" for n in names)
