"""What follows when the diversity of a layer is set: doses, levers and placebos against the untreated run.

Tables in, tables out. The design and what it can conclude are in docs/interventions.md.
"""
