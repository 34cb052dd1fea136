"""Sentry's SDK: its trace header, and its own members of the W3C baggage header."""

from urllib.parse import unquote

import sentry_sdk
from peer import Format, context, main
from sentry_sdk.transport import Transport


class Nowhere(Transport):
    def capture_envelope(self, envelope):
        pass


sentry_sdk.init(
    dsn="https://public@127.0.0.1/1",
    transport=Nowhere,
    environment="test",
    release="peer@1.0",
    traces_sample_rate=1.0,
    default_integrations=False,
)


def write(sampled):
    with sentry_sdk.isolation_scope() as scope:
        # No decision is made before there is a transaction.
        if sampled is None:
            return describe(dict(scope.iter_trace_propagation_headers()))
        with sentry_sdk.start_transaction(name="order", sampled=sampled) as transaction:
            return describe(dict(scope.iter_trace_propagation_headers(span=transaction)))


def read(headers):
    with sentry_sdk.isolation_scope():
        transaction = sentry_sdk.continue_trace(headers)
        members = {f"sentry-{key}": value for key, value in transaction.get_baggage().sentry_items.items()}
        if "sentry-sample_rand=" not in headers["baggage"]:
            del members["sentry-sample_rand"]  # the SDK makes one up
        return context(transaction.trace_id, transaction.parent_span_id, transaction.parent_sampled, members)


def describe(headers):
    """What the headers say, and the headers: the SDK shows a part of it alone."""
    trace_id, span_id, *decision = headers["sentry-trace"].split("-")
    members = (member.partition("=") for member in headers["baggage"].split(","))
    baggage = {key: unquote(value) for key, _, value in members}
    return context(
        trace_id, span_id, {"1": True, "0": False}[decision[0]] if decision else None, baggage
    ), headers


main(Format("sentry-sdk", "sentry", write, read, (True, False, None)))
