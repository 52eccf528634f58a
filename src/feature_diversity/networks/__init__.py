"""Networks: VISSL's ResNets, their heads, and `model.safetensors`.

How they are trained belongs to `training`.
"""
