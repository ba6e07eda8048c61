"""Drawn faces: parameters are sampled, attributes among them, and drawn as photos.

They are sampled in faces.py, and drawn in render.py on the canvas of scene.py.

Import from here: `faces.sample_faces`, `faces.render_faces`, `faces.face_attributes`.
"""
