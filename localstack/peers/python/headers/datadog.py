"""Datadog's tracer, with its own headers; baggage goes into that of W3C."""

import os
import secrets

os.environ |= {
    "DD_TRACE_PROPAGATION_STYLE": "datadog,baggage",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
}

from ddtrace.propagation.http import HTTPPropagator  # noqa: E402
from ddtrace.trace import Context  # noqa: E402
from peer import BAGGAGE, Format, context, main  # noqa: E402


def write(sampled, bits=128):
    priority = None if sampled is None else int(sampled)
    ids = {"trace_id": secrets.randbits(bits - 1) + 2 ** (bits - 1), "span_id": secrets.randbits(63) + 1}
    written = Context(**ids, sampling_priority=priority, baggage=BAGGAGE)
    headers = {}
    HTTPPropagator.inject(written, headers)
    return describe(written), headers


def read(headers):
    return describe(HTTPPropagator.extract(headers))


def describe(cx):
    sampled = None if cx.sampling_priority is None else cx.sampling_priority > 0
    return context(f"{cx.trace_id:032x}", f"{cx.span_id:016x}", sampled, cx.get_all_baggage_items())


main(Format("ddtrace", "datadog", write, read, (True, False, None), short_ids=True))
