"""Checks the peers of one language against our examples.

    main.py EXAMPLES PEERS COMMAND

EXAMPLES is the folder of our examples, PEERS that of the language, COMMAND runs a file of it. Prints
"ok NAME" or "FAILED NAME: reason" for each check, and tables of them in Markdown; the exit code is 1
if one failed.
"""

import pathlib
import sys

import headers
import messages


def main():
    examples, peers, command = map(pathlib.Path, sys.argv[1:])
    passed = [check.main(examples, command, peers) for check in [messages, headers]]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
