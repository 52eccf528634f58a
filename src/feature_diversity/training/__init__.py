"""From an untrained network to a trained one: the loop, its step, the optimiser, states, finished trainings.

What an algorithm does with a batch belongs to `algorithms`.
"""
