"""The activity of a network's layers: what lies between a network and all that is said of it.

`recording` is the file, whoever writes it; `forward` computes activity from the weights of our own networks.
"""
