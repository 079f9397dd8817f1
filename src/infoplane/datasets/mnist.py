"""MNIST (LeCun, Cortes & Burges), read from its four IDX files; nothing is downloaded."""

from __future__ import annotations

from infoplane.datasets import idx

# MD5 of the compressed files, as published.
files, shape, load = idx.published(
    "mnist",
    {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
)
