"""The stages of the workflow, one file a rule, named alike: options, read, call, write.

What a stage computes is in the rooms below, and no stage knows another. What no rule calls is in `commands`.
"""
