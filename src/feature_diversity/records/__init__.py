"""What a result was made from: digests of code, packages, machines, the record that every job leaves.

Nothing here touches a number of a result.
"""
