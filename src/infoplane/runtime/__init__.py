"""What a job needs of the machine that it runs on: compiled loops, devices and progress bars."""
