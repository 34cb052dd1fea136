"""What the peers share that send and receive messages: an OpenTelemetry SDK and the commands that
../../check/messages.py gives. A peer is one file, <broker>_<library>.py, and calls main().
"""

import asyncio
import inspect
import json
import os
import sys
from importlib.metadata import version

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


class Spans(SpanProcessor):
    """All spans that were started. One that is never ended counts too."""

    def __init__(self):
        self.started = []

    def on_start(self, span, parent_context=None):
        self.started.append(span)


SPANS = Spans()
COUNT = int(os.environ["COUNT"])


def main(library, instrumentation, make, send, receive):
    """make(name) makes a queue or topic and returns what the two others and our programs call it;
    send(destination, orders) sends each body of the generator before it takes the next;
    receive(destination, count, handle) calls handle(body, headers) for each message, the headers as
    strings in a dict. The last two may be coroutine functions.
    """
    command, destination = sys.argv[1:]
    if command == "make":
        peer = f"{library} {version(library)}"
        show(peer=peer, instrumentation=version(instrumentation), destination=make(destination))
    elif command == "send":
        run(send(destination, orders()))
    elif command == "receive":
        received = []
        run(receive(destination, COUNT, lambda *message: received.append(read(*message))))
        for message in received:
            show(**message, tied=tied(message))


def set_up():
    """Before a library is instrumented."""
    provider = TracerProvider()
    provider.add_span_processor(SPANS)
    trace.set_tracer_provider(provider)
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )


def orders():
    """Each body within a trace of its own and the BAGGAGE; prints the context that the
    instrumentation made for it: its last one, because pika's starts two spans, one in the other.
    """
    parent = W3CBaggagePropagator().extract({"baggage": os.environ["BAGGAGE"]})
    for number in range(COUNT):
        body = f"order {number}"
        token = context.attach(parent)
        with trace.get_tracer(__name__).start_as_current_span("order") as root:
            yield body
        context.detach(token)
        trace_id = root.get_span_context().trace_id
        *_, sent = [
            span.get_span_context()
            for span in SPANS.started
            if span.kind is trace.SpanKind.PRODUCER and span.get_span_context().trace_id == trace_id
        ]
        show(body=body, **ids(sent))


def read(body, headers):
    cx = propagate.extract(headers)
    return {
        "body": body,
        **ids(trace.get_current_span(cx).get_span_context()),
        "baggage": dict(baggage.get_all(cx)),
    }


def tied(message):
    """How the instrumentation's spans belong to the message."""
    own = {"trace_id": message["trace_id"], "span_id": message["span_id"]}
    parent = any(span.parent and ids(span.parent) == own for span in SPANS.started)
    link = any(ids(link.context) == own for span in SPANS.started for link in span.links)
    return " and ".join(name for name, found in [("parent", parent), ("link", link)] if found)


def ids(span_context):
    return {
        "trace_id": trace.format_trace_id(span_context.trace_id),
        "span_id": trace.format_span_id(span_context.span_id),
    }


def run(result):
    if inspect.iscoroutine(result):
        asyncio.run(result)


def show(**line):
    print(json.dumps(line), flush=True)


set_up()
