"""A SLURM that schedules nothing: client.py <sbatch, squeue or another client> <arguments>.

In the folder $FAKE_SLURM, sbatch writes the arguments of every job to submitted/<number>.json, in order, and what
becomes of the job to <number>.state. A job is what the plugin says in --comment. plan.json says of it

- failures: how often it fails before it succeeds, for each job, with a default;
- files: what a job leaves behind, as pairs of a finished file and the place that it is copied to;
- run: the jobs that run what they were given instead; what they print and how long they take is beside their state.

calls holds a line for every call of another client.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["FAKE_SLURM"])


def option(arguments: list[str], name: str) -> str:
    """The value of an option, given as one argument or as two."""
    for place, argument in enumerate(arguments):
        if argument == name:
            return arguments[place + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return ""


def submitted(number: int, arguments: list[str]) -> bool:
    """Whether the job has got this number, which another may have."""
    try:
        with open(FOLDER / f"submitted/{number}.json", "x") as record:
            json.dump(arguments, record)
    except FileExistsError:
        return False
    return True


def sbatch(arguments: list[str]) -> None:
    plan = json.loads((FOLDER / "plan.json").read_text())
    (FOLDER / "submitted").mkdir(exist_ok=True)
    number = 1
    while not submitted(number, arguments):
        number += 1
    job = option(arguments, "--comment")
    with open(FOLDER / "attempts", "a+") as file:
        file.seek(0)
        earlier = file.read().splitlines().count(job)
        file.write(f"{job}\n")
    state = FOLDER / f"{number}.state"
    if earlier < plan["failures"].get(job, plan["failures"]["default"]):
        state.write_text("FAILED")
    elif job in plan["run"]:
        begin = time.monotonic()
        with open(FOLDER / f"{number}.output", "w") as output:
            done = subprocess.run(option(arguments, "--wrap"), shell=True, stdout=output, stderr=output)
        (FOLDER / f"{number}.seconds").write_text(str(time.monotonic() - begin))
        state.write_text("FAILED" if done.returncode else "COMPLETED")
    else:
        for source, target in plan["files"][job]:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            if Path(source).is_dir():  # a table in parts
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, target)
        state.write_text("COMPLETED")
    print(number)


def squeue(arguments: list[str]) -> None:
    if "--states=all" in arguments:  # the others ask for jobs that have not ended, and there are none
        for path in sorted(FOLDER.glob("*.state")):
            print(f"{path.stem}|{path.read_text()}")


def scontrol(arguments: list[str]) -> None:
    if arguments == ["ping"]:
        print("Slurmctld(primary) at login is UP")
    else:
        print("MinJobAge               = 300 sec")


def sinfo(arguments: list[str]) -> None:
    print("PARTITION\ndebug\nmain*")


def sacctmgr(arguments: list[str]) -> None:
    print("my_project")


def srun(arguments: list[str]) -> None:
    command = next(place for place, argument in enumerate(arguments) if not argument.startswith("-"))
    os.execvp(arguments[command], arguments[command:])


def nothing(arguments: list[str]) -> None:
    """What is not asked for here."""


name, *given = sys.argv[1:]
if name != "sbatch":
    with open(FOLDER / "calls", "a") as calls:
        calls.write(f"{name} {' '.join(given)}\n")
globals().get(name, nothing)(given)
