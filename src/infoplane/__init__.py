"""Information planes of neural networks: from training to figures.

Data flows one way: configuration -> datasets -> training -> activations -> information -> statistics -> figures.
"""

__version__ = "0.1.0"
