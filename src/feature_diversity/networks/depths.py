"""The depths of the ResNets there are: known without importing torch."""

# Bottleneck blocks of the four stages. 50 to 152: He et al. 2016, table 1; 200: VISSL; 14 and 26 are
# this project's small networks: one and two blocks a stage, named like the others (3 x blocks + 2).
BLOCKS = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
OF_VISSL = (50, 101, 152, 200)  # those of VISSL 0.1.6
