"""Checks that what others write into headers, our propagators read, and the other way round.

A peer is a file in the folder headers of its language, other than the one they share. It is called with

    write   prints a line for each format that it has and each decision that the format can carry
            (sampled, not sampled, left to the receiver, debug), and where it has trace ids of 64 bits
            one more with such an id: `peer`, the `number` of the format, our name of it as in
            OTEL_PROPAGATORS as `formats`, `context`, and the `headers` it wrote for that context
    read    reads lines with `number` and `headers`, and answers each with the `context` that it found

each a line of JSON. A context is `trace_id`, `span_id`, `sampled`, `baggage`, and `debug` where the peer
knows that. Our example takes a line with `formats`, and answers `headers` with their `context` and a
`context` with its `headers`.
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
    def check(part, *keys, shown="yes"):
        row.check(f"{direction}, {part}", pick(got, expected, keys), pick(expected, expected, keys), shown)

    is_short = any(context["trace_id"].startswith("0" * 16) for context in expected)
    check("ids", "trace_id", "span_id", shown="128 and 64 bits" if is_short else "yes")
    # In the order of the lines, each once.
    check("sampling", "sampled", "debug", shown=", ".join(dict.fromkeys(map(decision, expected))))
    if any(context["baggage"] for context in expected):
        check("baggage", "baggage")
    else:
        row.cells.append("")


def decision(context):
    return "debug" if context.get("debug") else DECISIONS[context["sampled"]]


def written_with(lines, part):
    return [{"formats": line["formats"], part: line[part]} for line in lines]


def padded(answers, lines):
    """One answer a line, where there are too few because the program failed."""
    return answers + [{"context": {}}] * (len(lines) - len(answers))


def pick(contexts, expected, keys):
    """What the contexts say of those keys that the expected ones have."""
    return [
        [context.get(key, "none") for key in keys if key in known]
        for context, known in zip(contexts, expected)
    ]
