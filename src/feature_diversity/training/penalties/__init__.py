"""Terms that set the diversity of a layer while it is trained, each with the file that its name says.

A lever is a pure function of features; the lower it is, the more spread out they are: `energy`,
`uniformity`, `koleo`, `variance_covariance`, `mean_direction`; and one of weights, `weight_energy`.
`set_point` says how hard to pull at a lever, `placebo` pulls as hard at nothing, `applied` adds it to a
training. The design is in docs/interventions.md. Algorithms know nothing of all this.
"""
