// OpenTelemetry's own propagators.
"use strict";

const { ROOT_CONTEXT, TraceFlags, defaultTextMapGetter, defaultTextMapSetter } = require("@opentelemetry/api");
const { propagation, trace } = require("@opentelemetry/api");
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require("@opentelemetry/core");
const { AWSXRayPropagator } = require("@opentelemetry/propagator-aws-xray");
const { B3InjectEncoding, B3Propagator } = require("@opentelemetry/propagator-b3");
const { JaegerPropagator } = require("@opentelemetry/propagator-jaeger");
const { RandomIdGenerator } = require("@opentelemetry/sdk-trace-node");
const { BAGGAGE, main } = require("./peer");

function otel(library, formats, propagator, members = {}) {
  const ids = new RandomIdGenerator();
  const entries = Object.entries(members).map(([key, value]) => [key, { value }]);

  function write(sampled) {
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const spanContext = { traceId: ids.generateTraceId(), spanId: ids.generateSpanId(), traceFlags };
    const baggage = propagation.createBaggage(Object.fromEntries(entries));
    const cx = propagation.setBaggage(trace.setSpanContext(ROOT_CONTEXT, spanContext), baggage);
    const headers = {};
    propagator.inject(cx, headers, defaultTextMapSetter);
    return { context: describe(cx), headers };
  }

  function read(headers) {
    return describe(propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter));
  }

  return { library, formats, write, read };
}

function describe(cx) {
  const { traceId, spanId, traceFlags } = trace.getSpanContext(cx);
  const members = propagation.getBaggage(cx)?.getAllEntries() ?? [];
  const baggage = Object.fromEntries(members.map(([key, { value }]) => [key, value]));
  return { trace_id: traceId, span_id: spanId, sampled: traceFlags === TraceFlags.SAMPLED, baggage };
}

const w3c = new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
});
const b3 = (injectEncoding) => new B3Propagator({ injectEncoding });

main(
  otel("@opentelemetry/core", "tracecontext,baggage", w3c, BAGGAGE),
  otel("@opentelemetry/propagator-aws-xray", "xray", new AWSXRayPropagator()),
  otel("@opentelemetry/propagator-b3", "b3", b3(B3InjectEncoding.SINGLE_HEADER)),
  otel("@opentelemetry/propagator-b3", "b3multi", b3(B3InjectEncoding.MULTI_HEADER)),
  otel("@opentelemetry/propagator-jaeger", "jaeger", new JaegerPropagator(), BAGGAGE),
);
