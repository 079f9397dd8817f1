"""Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), read from its four IDX files; nothing is downloaded."""

from __future__ import annotations

from infoplane.datasets import idx

# MD5 of the compressed files, as published.
files, shape, load = idx.published(
    "fashion_mnist",
    {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
)
