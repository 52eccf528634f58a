"""What a study asks for, checked before anything is computed, and what it costs.

Nothing imports torch.
"""
