"""What both ends share: an OpenTelemetry SDK, boto3 under its SQS instrumentation, one client."""

import os

import boto3
from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.boto3sqs import Boto3SQSInstrumentor
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


def instrumented_client():
    trace.set_tracer_provider(TracerProvider())
    propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]))
    Boto3SQSInstrumentor().instrument()
    return client()


def client():
    # boto3 reads the endpoint from AWS_ENDPOINT_URL, but knows no AWS_REGION.
    return boto3.client("sqs", region_name=os.environ["AWS_REGION"])


def ids(span_context):
    return {
        "trace_id": trace.format_trace_id(span_context.trace_id),
        "span_id": trace.format_span_id(span_context.span_id),
    }
