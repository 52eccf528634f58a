"""Does the diversity of what a self-supervised network learns tell how well it will generalise?"""

__version__ = "0.1.0"
