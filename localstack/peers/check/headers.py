"""Checks that what others write into headers, our propagators read, and the other way round.

A peer is a file in the folder headers of its language, other than the one they share. It is called with

    write   prints a line for each format that it has and each decision that the format can carry
            (sampled, not sampled, left to the receiver): `peer`, the `number` of the format, our name of
            it as in OTEL_PROPAGATORS as `formats`, `context`, and the `headers` it wrote for that context
    read    reads lines with `number` and `headers`, and answers each with the `context` that it found

each a line of JSON. A context is `trace_id`, `span_id`, `sampled` and `baggage`. Our example takes a line
with `formats`, and answers `headers` with their `context` and a `context` with its `headers`.
"""

from itertools import groupby

from report import Row, run, table

COLUMNS = [
    "peer",
    "format",
    "they → us: ids",
    "sampling",
    "baggage",
    "we → them: ids",
    "sampling",
    "baggage",
]

DECISIONS = {True: "on", False: "off", None: "deferred"}


def main(examples, command, peers):
    files = sorted(file for file in (peers / "headers").iterdir() if file.stem != "peer")
    rows = [row for file in files for row in check([command, file], [examples / "headers"])]
    return table(COLUMNS, rows)


def check(peer, ours):
    written = run([*peer, "write"])
    if not written:
        row = Row(peer[-1].stem, "unknown")
        row.check("writes headers", written, "some")
        yield row
    we_read = run(ours, lines=written_with(written, "headers"))
    we_wrote = run(ours, lines=written_with(written, "context"))
    read = run([*peer, "read"], lines=[line | answer for line, answer in zip(written, we_wrote)])
    contexts = list(zip(written, padded(we_read, written), padded(read, written)))
    for (name, formats), lines in groupby(contexts, lambda line: (line[0]["peer"], line[0]["formats"])):
        theirs, by_us, by_them = ([line["context"] for line in lines] for lines in zip(*lines))
        row = Row(name, formats)
        compare(row, "they to us", by_us, theirs)
        compare(row, "we to them", by_them, theirs)
        yield row


def compare(row, direction, got, expected):
    row.check(f"{direction}, ids", pick(got, "trace_id", "span_id"), pick(expected, "trace_id", "span_id"))
    decisions = ", ".join(DECISIONS[context["sampled"]] for context in expected)
    row.check(f"{direction}, sampling", pick(got, "sampled"), pick(expected, "sampled"), shown=decisions)
    if any(context["baggage"] for context in expected):
        row.check(f"{direction}, baggage", pick(got, "baggage"), pick(expected, "baggage"))
    else:
        row.cells.append("")


def written_with(lines, part):
    return [{"formats": line["formats"], part: line[part]} for line in lines]


def padded(answers, lines):
    """One answer a line, where there are too few because the program failed."""
    return answers + [{"context": {}}] * (len(lines) - len(answers))


def pick(contexts, *keys):
    return [[context.get(key, "none") for key in keys] for context in contexts]
