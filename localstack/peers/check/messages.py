"""Checks that traces and baggage cross between the instrumented clients of others and our examples,
both ways, over real brokers.

A peer is a file <broker>_<library> in the folder messages of its language. It is called with

    make NAME              makes a queue or topic; prints `peer`, `instrumentation`, `destination`, and
                           where W3C's are not its formats, `formats` as in OTEL_PROPAGATORS
    send DESTINATION       sends COUNT messages with the BAGGAGE (W3C syntax), each in a trace of its
                           own; prints `body`, `trace_id` and `span_id` of each creation context
    receive DESTINATION    receives COUNT messages; prints `body`, `trace_id`, `span_id` and `baggage` as
                           its standard propagators read them, and `tied`: how the spans of its
                           instrumentation belong to that context (parent, link, or both)

each a line of JSON.
"""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from report import Row, run, table

MESSAGES = 12  # more than one receive or one batch takes
AT_ONCE = 3

# What both sides read alike. Python writes a blank as `+` and reads a bare one as a blank, where W3C
# Baggage has a plus sign: so no blank is sent from there, and the plus sign is encoded.
THEIRS = "tenant=acme,share=100%25%2C41,token=YWJj%3D%3D,name=Z%C3%BCrich"
THEIRS_DECODED = {"tenant": "acme", "share": "100%,41", "token": "YWJj==", "name": "Zürich"}
OURS = "tenant=acme,share=100%25%2C41,token=YWJj==,city=Z%C3%BCrich%20West,sum=1%2B1"
OURS_DECODED = {"tenant": "acme", "share": "100%,41", "token": "YWJj==", "city": "Zürich West", "sum": "1+1"}

COLUMNS = [
    "peer",
    "broker",
    "they → us: trace id",
    "parent and link",
    "baggage",
    "we → them: trace id",
    "parent or link",
    "baggage",
]

# The titles of the brokers, and what our examples read.
BROKERS = {
    "sqs": ("SQS", lambda queue: {"QUEUE_URL": queue}),
    "kafka": (
        "Kafka",
        lambda topic: {"KAFKA_BROKERS": os.environ["TRACEHOP_KAFKA_BROKERS"], "TOPIC": topic, "GROUP": topic},
    ),
    "amqp": ("RabbitMQ", lambda queue: {"AMQP_URL": os.environ["TRACEHOP_AMQP_URL"], "QUEUE": queue}),
}


def main(examples, command, peers):
    files = sorted((peers / "messages").glob("*_*.*"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda file: Peer(examples, [command, file]).check(), files))
    return table(COLUMNS, rows)


class Peer:
    def __init__(self, examples, command):
        self.command = command
        self.broker = command[-1].stem.partition("_")[0]
        self.title, self.variables = BROKERS[self.broker]
        self.formats = {}
        self.worker = examples / f"{self.broker}_worker"
        self.sender = examples / f"{self.broker}_send"

    def check(self):
        there, back = self.make(), self.make()
        if "formats" in there:
            self.formats = {"OTEL_PROPAGATORS": there["formats"]}
        row = Row(f"{there['peer']} (instrumentation {there['instrumentation']})", self.title)
        self.they_to_us(row, there["destination"])
        self.we_to_them(row, back["destination"])
        return row

    def they_to_us(self, row, destination):
        sent = self.run("send", destination, COUNT=MESSAGES, BAGGAGE=THEIRS)
        got = run([self.worker], MAX_MESSAGES=MESSAGES, **self.ours(destination))
        expected = sorted((line["body"], line["trace_id"]) for line in sent)
        row.check(
            "they to us, each message once with its trace id",
            sorted((line["body"], line["trace_id"]) for line in got),
            expected,
        )
        row.check(
            "they to us, the creation context is parent and link",
            by_body(got, lambda line: (line["parent_span_id"], [ids(link) for link in line["links"]])),
            by_body(sent, lambda line: (line["span_id"], [ids(line)])),
        )
        row.check("they to us, baggage", by_body(got, baggage), by_body(sent, lambda _: THEIRS_DECODED))

    def we_to_them(self, row, destination):
        sent = run([self.sender], read=str.strip, COUNT=MESSAGES, BAGGAGE=OURS, **self.ours(destination))
        got = self.run("receive", destination, COUNT=MESSAGES)
        tied = " and ".join(sorted({line["tied"] for line in got}))
        row.check("we to them, trace ids", sorted(line["trace_id"] for line in got), sorted(sent))
        row.check(
            "we to them, the creation context is parent or link",
            [line["body"] for line in got if line["tied"]],
            [line["body"] for line in got],
            shown=tied,
        )
        row.check("we to them, baggage", [line["baggage"] for line in got], [OURS_DECODED] * MESSAGES)

    def ours(self, destination):
        return self.variables(destination) | self.formats

    def make(self):
        """What the rest is called with; nothing of it passes where that failed."""
        nothing = {"peer": self.command[-1].stem, "instrumentation": "unknown", "destination": "none"}
        return next(iter(self.run("make", f"peer-{uuid.uuid4().hex}", COUNT=0)), nothing)

    def run(self, *arguments, **variables):
        return run([*self.command, *arguments], **variables)


def ids(line):
    return line["trace_id"], line["span_id"]


def baggage(line):
    return line["baggage"]


def by_body(lines, value):
    return {line["body"]: value(line) for line in lines}
