"""Sends COUNT messages to QUEUE_URL, each in a trace of its own, with the BAGGAGE (W3C syntax).

Prints one JSON line a message: body, the trace_id and span_id of the creation context that the
instrumentation put on it, the raw traceparent, and the baggage as an object.
"""

import json
import os

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from telemetry import ids, instrumented_client


def main():
    sqs = instrumented_client()
    context = W3CBaggagePropagator().extract({"baggage": os.environ.get("BAGGAGE", "")})
    for number in range(int(os.environ.get("COUNT", "1"))):
        print(json.dumps(send(sqs, f"python {number}", context)), flush=True)


def send(sqs, body, context):
    attributes = {}  # the instrumentation writes into the caller's own dictionary
    token = attach(context)
    try:
        with trace.get_tracer(__name__).start_as_current_span("order"):
            sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body, MessageAttributes=attributes)
    finally:
        detach(token)
    sent = TraceContextTextMapPropagator().extract(
        {key: attribute["StringValue"] for key, attribute in attributes.items()}
    )
    return {
        "body": body,
        **ids(trace.get_current_span(sent).get_span_context()),
        "traceparent": attributes["traceparent"]["StringValue"],
        "baggage": dict(baggage.get_all(context)),
    }


if __name__ == "__main__":
    main()
