"""Runs Snakemake for tests: a request on each line of its input, a return code on each line of its output.

Importing Snakemake takes longer than most dry runs, so that this process imports it once, and each run is a fork of it.
Nothing of infoplane is imported here: every run takes that of its own checkout.
"""

import json
import os
import sys
import traceback

# Beside Snakemake what reading the workflow imports from elsewhere.
import h5py  # noqa: F401
import jsonschema  # noqa: F401
import numpy as np  # noqa: F401
import snakemake.cli
import yaml  # noqa: F401


def run(folder: str, arguments: list[str], output: str, errors: str) -> int:
    """What `python -m snakemake` does in this folder, with both streams in files."""
    os.chdir(folder)
    for path, stream in ((os.devnull, 0), (output, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
    sys.argv = ["snakemake", *arguments]
    sys.path.insert(0, folder)
    try:
        snakemake.cli.main(arguments)
    except SystemExit as done:
        if isinstance(done.code, str):
            print(done.code, file=sys.stderr)
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


for line in sys.stdin:
    child = os.fork()
    if not child:
        code = 1
        try:
            code = run(**json.loads(line))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
