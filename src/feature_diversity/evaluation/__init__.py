"""What a trained network is worth: features of held-out images, linear and nearest-neighbour classifiers."""
