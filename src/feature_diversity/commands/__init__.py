"""Commands that no rule of the workflow calls, a module each. What a rule calls is a stage."""
