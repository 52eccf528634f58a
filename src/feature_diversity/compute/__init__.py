"""How a process computes: device and threads, ranks that share a training, named random draws, interruption.

What is computed is said in the rooms above.
"""
