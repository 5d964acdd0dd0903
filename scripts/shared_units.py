#!/usr/bin/env python3
"""Tells what cargo compiles once more when it builds some packages instead of a workspace.

    scripts/shared_units.py FOLDER [PACKAGE]... [--and PACKAGE...]

FOLDER holds a workspace. Compared are `cargo build -p PACKAGE...` (the package in FOLDER if none is
named) and `cargo build --workspace --all-targets`; with --and, builds of the two lists of packages.
Cargo keeps one result for each set of features of a crate, of the crates below it and of the profile:
where two builds choose differently, everything above is compiled twice. Printed are the crates in
which a difference begins, with the features that are missing; the remedy is to name those in the
manifest of a package that both builds have. Nothing is compiled. The exit code is 1 if anything
differs.
"""

import json
import os
import subprocess
import sys


def units(folder, selection):
    """The units of a build: what each is by itself, mapped from all that it depends on."""
    command = ["cargo", "build", "--locked", "--unit-graph", "-Zunstable-options", *selection]
    # The graph is shown by nightly cargo only, or by one that is told to behave like it.
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
    answer = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=False)
    if answer.returncode != 0:
        sys.exit(f"error: failed to run {' '.join(command)} in {folder}")
    graph = json.loads(answer.stdout)["units"]
    known = {}

    def identity(index):
        if index not in known:
            unit = graph[index]
            # `test` and `dev` are the same but for the name.
            profile = {key: value for key, value in unit["profile"].items() if key != "name"}
            what = (unit["pkg_id"], tuple(unit["target"]["kind"]), unit["target"]["name"], unit["mode"], unit["platform"])
            how = (json.dumps(profile, sort_keys=True), tuple(unit["features"]))
            below = sorted((below["extern_crate_name"], hash(identity(below["index"]))) for below in unit["dependencies"])
            known[index] = (what, how, tuple(below))
        return known[index]

    return {identity(index) for index in range(len(graph))}


def packages(names):
    return [argument for name in names for argument in ("-p", name)]


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        sys.exit(__doc__)
    folder, names = arguments[0], arguments[1:]
    others = []
    if "--and" in names:
        at = names.index("--and")
        names, others = names[:at], names[at + 1 :]
    first = units(folder, packages(names))
    second = units(folder, packages(others) if others else ["--workspace", "--all-targets"])
    again = first - second
    print(f"{len(first)} units, of which {len(first) - len(again)} are shared")
    differ = {}
    shared = {hash(unit) for unit in first & second}
    for what, (_, features), below in again:
        elsewhere = [how for other, how, _ in second if other == what]
        begins = all(identity in shared for _, identity in below)
        if begins or not any(features == others for _, others in elsewhere):
            name = what[0].split("/")[-1].removesuffix(")")
            choices = [",".join(sorted(set(others) ^ set(features))) for _, others in elsewhere if others != features]
            differ.setdefault(name, set()).update(choices or ["not part of the other build"])
    for name, choices in sorted(differ.items()):
        print(f"  {name}: {' or '.join(sorted(choices))}")
    sys.exit(1 if again else 0)


main(sys.argv[1:])
