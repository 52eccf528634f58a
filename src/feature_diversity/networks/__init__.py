"""Networks: VISSL's ResNets, their heads, and `model.safetensors`; those that were released, and those of others.

How they are trained belongs to `training`.
"""
