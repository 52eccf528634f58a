# Written by envs/conda.py from vissl.lock; do not edit.
python -m pip install --no-deps 'vissl==0.1.6'
