"""What the checks of the peers share: child processes that print JSON lines, and a table of results."""

import json
import os
import shlex
import subprocess
import sys

TIMEOUT_SECONDS = 60


def run(command, read=json.loads, lines=(), **variables):
    """What a command printed, a value a line, given `lines` to read; an empty list, and its error
    on stderr, if it failed.
    """
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    given = "".join(json.dumps(line) + "\n" for line in lines)
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        return [read(line) for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"{shlex.join(map(str, command))}: {error}", file=sys.stderr, flush=True)
        return []


class Row:
    """One peer's row. Each cell is a line "ok NAME" or "FAILED NAME: reason" too."""

    def __init__(self, *titles):
        self.cells = list(titles)
        self.name = ", ".join(titles)
        self.passed = True

    def check(self, name, got, expected, shown="yes"):
        """No line at all proves nothing, so it fails too."""
        passed = bool(got) and got == expected
        line = (
            f"ok {self.name}: {name}"
            if passed
            else f"FAILED {self.name}: {name}: got {got}, expected {expected}"
        )
        print(line, flush=True)
        self.cells.append(shown if passed else "**no**")
        self.passed &= passed


def table(columns, rows):
    for cells in [columns, ["---"] * len(columns), *(row.cells for row in rows)]:
        print(f"| {' | '.join(cells)} |")
    return all(row.passed for row in rows)
