"""Receives MAX_MESSAGES messages from QUEUE_URL and deletes them.

Prints one JSON line a message: body, the trace_id and span_id of the context that the standard
propagators find on it, its baggage as an object, and `process`: ids and links of the span that
the instrumentation made current for it.
"""

import json
import os
import sys
import time

from opentelemetry import baggage, propagate, trace
from opentelemetry.instrumentation.boto3sqs import boto3sqs_getter
from telemetry import ids, instrumented_client

PATIENCE_SECONDS = 30


def main():
    sqs = instrumented_client()
    wanted = int(os.environ.get("MAX_MESSAGES", "1"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while wanted > 0:
        if time.monotonic() > deadline:
            sys.exit(f"{wanted} messages did not come within {PATIENCE_SECONDS} s")
        wanted -= receive(sqs, min(wanted, 10))


def receive(sqs, limit):
    queue = os.environ["QUEUE_URL"]
    response = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=limit, WaitTimeSeconds=1, MessageAttributeNames=["All"]
    )
    messages = response.get("Messages", [])
    for message in messages:  # each step of this loop makes that message's span the current one
        print(json.dumps(describe(message)), flush=True)
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return len(messages)


def describe(message):
    context = propagate.extract(message.get("MessageAttributes", {}), getter=boto3sqs_getter)
    process = trace.get_current_span()
    return {
        "body": message["Body"],
        **ids(trace.get_current_span(context).get_span_context()),
        "baggage": dict(baggage.get_all(context)),
        "process": {**ids(process.get_span_context()), "links": [ids(link.context) for link in process.links]},
    }


if __name__ == "__main__":
    main()
