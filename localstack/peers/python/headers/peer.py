"""What the peers share that write and read headers: the commands that ../../check/headers.py gives.
A peer is one file and calls main().
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

# A blank and a plus sign are left out: Python writes and reads them otherwise than W3C Baggage has it.
BAGGAGE = {"tenant": "acme", "share": "100%,41", "token": "YWJj==", "name": "Zürich"}


@dataclass
class Format:
    library: str  # the package to name
    formats: str  # ours, as in OTEL_PROPAGATORS
    write: Callable  # write(sampled) answers a context and its headers; with bits=64, of a short trace id
    read: Callable  # read(headers) answers a context
    decisions: tuple = (True, False)  # None: left to the receiver
    short_ids: bool = False  # whether it has trace ids of 64 bits


def main(*formats):
    if sys.argv[1] == "write":
        for number, format in enumerate(formats):
            cases = [{"sampled": sampled} for sampled in format.decisions]
            if format.short_ids:
                cases.append({"sampled": True, "bits": 64})
            for case in cases:
                context, headers = format.write(**case)
                peer = f"{format.library} {version(format.library)}"
                show(peer=peer, number=number, formats=format.formats, context=context, headers=headers)
    elif sys.argv[1] == "read":
        for line in map(json.loads, sys.stdin):
            show(context=formats[line["number"]].read(line["headers"]))


def context(trace_id, span_id, sampled, baggage=None):
    return {"trace_id": trace_id, "span_id": span_id, "sampled": sampled, "baggage": baggage or {}}


def show(**line):
    print(json.dumps(line), flush=True)
