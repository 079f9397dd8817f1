"""One module, one table of statistics; what several of them need is beside this folder."""
