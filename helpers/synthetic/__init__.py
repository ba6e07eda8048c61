"""Drawn faces: parameters are sampled, attributes among them, and drawn as photos.

Import from here: `faces.sample_faces`, `faces.render_faces`, `faces.face_attributes`.
"""
