"""The OpenTelemetry SDK and the propagators of its contributors."""

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.cloud_trace_propagator import CloudTraceFormatPropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.textmap import DefaultGetter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from peer import BAGGAGE, Format, context, main


class AnyCase(DefaultGetter):
    """As the getters of HTTP servers: the names of headers have no case."""

    def get(self, carrier, key):
        return super().get(carrier, key.lower())


def otel(library, formats, propagator, members=None, short_ids=False):
    ids = RandomIdGenerator()

    def write(sampled, bits=128):
        flags = trace.TraceFlags(sampled)
        trace_id = ids.generate_trace_id() if bits == 128 else ids.generate_span_id()
        span_context = trace.SpanContext(trace_id, ids.generate_span_id(), False, flags)
        cx = trace.set_span_in_context(trace.NonRecordingSpan(span_context))
        for key, value in (members or {}).items():
            cx = baggage.set_baggage(key, value, cx)
        headers = {}
        propagator.inject(headers, cx)
        return describe(cx), headers

    def read(headers):
        return describe(propagator.extract(headers, getter=AnyCase()))

    return Format(library, formats, write, read, short_ids=short_ids)


def describe(cx):
    found = trace.get_current_span(cx).get_span_context()
    trace_id, span_id = trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)
    return context(trace_id, span_id, found.trace_flags.sampled, dict(baggage.get_all(cx)))


W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

main(
    otel("opentelemetry-api", "tracecontext,baggage", W3C, BAGGAGE),
    otel("opentelemetry-propagator-aws-xray", "xray", AwsXRayPropagator()),
    otel("opentelemetry-propagator-b3", "b3", B3SingleFormat(), short_ids=True),
    otel("opentelemetry-propagator-b3", "b3multi", B3MultiFormat(), short_ids=True),
    otel("opentelemetry-propagator-jaeger", "jaeger", JaegerPropagator(), BAGGAGE, short_ids=True),
    otel("opentelemetry-propagator-gcp", "gcp", CloudTraceFormatPropagator()),
)
