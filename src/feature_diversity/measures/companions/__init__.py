"""Companions of the energy that the field uses: one file an idea, and the table that names them all."""
