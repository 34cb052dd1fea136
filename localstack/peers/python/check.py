"""Checks that traces and baggage cross between boto3 and ours, both ways, over a real queue.

    check.py --worker COMMAND --sender COMMAND

The worker reads QUEUE_URL and MAX_MESSAGES and prints the JSON lines of examples/sqs_worker.rs;
the sender reads QUEUE_URL, COUNT and BAGGAGE and prints one trace id a line. Prints "ok NAME" or
"FAILED NAME: reason" for each check; the exit code is 1 if one failed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import uuid

from telemetry import client

HERE = pathlib.Path(__file__).parent
MESSAGES = 12  # more than one receive or one batch takes
TIMEOUT_SECONDS = 60

# What both sides read alike. A blank is missing from the first: Python writes it as `+`, which is
# a plus sign in W3C Baggage. The second has `+` encoded, because Python reads a bare one as a blank.
FROM_PYTHON = "tenant=acme,share=100%25%2C41,token=YWJj%3D%3D,name=Z%C3%BCrich"
FROM_PYTHON_DECODED = {"tenant": "acme", "share": "100%,41", "token": "YWJj==", "name": "Zürich"}
FROM_OURS = "tenant=acme,share=100%25%2C41,token=YWJj==,city=Z%C3%BCrich%20West,sum=1%2B1"
FROM_OURS_DECODED = {"tenant": "acme", "share": "100%,41", "token": "YWJj==", "city": "Zürich West", "sum": "1+1"}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--worker", required=True, type=shlex.split)
    arguments.add_argument("--sender", required=True, type=shlex.split)
    commands = arguments.parse_args()
    results = [
        *python_to_ours(commands.worker),
        *ours_to_python(commands.sender),
    ]
    sys.exit(0 if all(results) else 1)


def python_to_ours(worker):
    with queue() as url:
        sent = run_python("send.py", QUEUE_URL=url, COUNT=MESSAGES, BAGGAGE=FROM_PYTHON)
        got = run(worker, QUEUE_URL=url, MAX_MESSAGES=MESSAGES)
    yield check("python to worker: every message arrives once", bodies(got), bodies(sent))
    yield check("python to worker: same trace id", pick(got, "trace_id"), pick(sent, "trace_id"))
    yield check("python to worker: the creation context is the parent", pick(got, "parent_span_id"), pick(sent, "span_id"))
    yield check(
        "python to worker: the creation context is a link",
        by_body(got, lambda line: [(link["trace_id"], link["span_id"]) for link in line["links"]]),
        by_body(sent, lambda line: [(line["trace_id"], line["span_id"])]),
    )
    yield check("python to worker: baggage equal", pick(got, "baggage"), by_body(sent, lambda _: FROM_PYTHON_DECODED))
    yield check("python to worker: first attempt", pick(got, "attempt"), by_body(sent, lambda _: 1))


def ours_to_python(sender):
    with queue() as url:
        sent = run(sender, read=str.strip, QUEUE_URL=url, COUNT=MESSAGES, BAGGAGE=FROM_OURS)
        got = run_python("receive.py", QUEUE_URL=url, MAX_MESSAGES=len(sent))
    yield check("sender to python: same trace ids", sorted(line["trace_id"] for line in got), sorted(sent))
    yield check(
        "sender to python: boto3's process span links to the creation context",
        [line["process"]["links"] for line in got],
        [[{"trace_id": line["trace_id"], "span_id": line["span_id"]}] for line in got],
    )
    yield check("sender to python: baggage equal", [line["baggage"] for line in got], [FROM_OURS_DECODED] * MESSAGES)


@contextlib.contextmanager
def queue():
    sqs = client()
    url = sqs.create_queue(QueueName=f"python-peer-{uuid.uuid4().hex}")["QueueUrl"]
    try:
        yield url
    finally:
        sqs.delete_queue(QueueUrl=url)


def run_python(script, **variables):
    return run([sys.executable, str(HERE / script)], **variables)


def run(command, read=json.loads, **variables):
    """The lines that a command printed; an empty list, and its error on stderr, if it failed."""
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS, check=True
        )
        return [read(line) for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"{shlex.join(command)}: {error}", file=sys.stderr, flush=True)
        return []


def check(name, got, expected):
    """No line at all proves nothing, so it fails too."""
    passed = bool(got) and got == expected
    print(f"ok {name}" if passed else f"FAILED {name}: got {got}, expected {expected}", flush=True)
    return passed


def bodies(lines):
    return sorted(line["body"] for line in lines)


def pick(lines, key):
    return by_body(lines, lambda line: line.get(key))


def by_body(lines, value):
    return {line["body"]: value(line) for line in lines}


if __name__ == "__main__":
    main()
