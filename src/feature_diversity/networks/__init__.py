"""Networks: VISSL's ResNets, their heads, and `model.safetensors`; released ones, and those of others.

How they are trained belongs to `training`.
"""
