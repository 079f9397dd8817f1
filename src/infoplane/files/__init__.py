"""Files: their layout, reading and writing, what they were made with, and arrays as people bring them."""
