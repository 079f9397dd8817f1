"""The claims of Chelombiev, Houghton & O'Donnell (2019): one module each."""
