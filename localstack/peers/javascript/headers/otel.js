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

function otel(library, formats, propagator, { members = {}, ...rest } = {}) {
  const ids = new RandomIdGenerator();
  const entries = Object.entries(members).map(([key, value]) => [key, { value }]);

  function write(sampled, bits) {
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const traceId = bits === 64 ? ids.generateSpanId().padStart(32, "0") : ids.generateTraceId();
    const spanContext = { traceId, spanId: ids.generateSpanId(), traceFlags };
    const baggage = propagation.createBaggage(Object.fromEntries(entries));
    const root = sampled === "debug" ? debugged() : ROOT_CONTEXT;
    const cx = propagation.setBaggage(trace.setSpanContext(root, spanContext), baggage);
    return { context: describe(cx), headers: written(cx) };
  }

  // Only a message can ask for that.
  function debugged() {
    const [trace, span] = [ids.generateTraceId(), ids.generateSpanId()];
    const headers = { b3: `${trace}-${span}-d`, "x-b3-traceid": trace, "x-b3-spanid": span, "x-b3-flags": "1" };
    if (formats === "b3multi") delete headers.b3;
    return propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  }

  function written(cx) {
    const headers = {};
    propagator.inject(cx, headers, defaultTextMapSetter);
    return headers;
  }

  function read(headers) {
    return describe(propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter));
  }

  function describe(cx) {
    const { traceId, spanId, traceFlags } = trace.getSpanContext(cx);
    const members = propagation.getBaggage(cx)?.getAllEntries() ?? [];
    const baggage = Object.fromEntries(members.map(([key, { value }]) => [key, value]));
    const described = { trace_id: traceId, span_id: spanId, sampled: traceFlags === TraceFlags.SAMPLED, baggage };
    const headers = written(cx);
    const debug = headers["x-b3-flags"] === "1" || Boolean(headers.b3?.endsWith("-d"));
    return rest.decisions?.includes("debug") ? { ...described, debug } : described;
  }

  return { library, formats, write, read, ...rest };
}

const w3c = new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
});
const b3 = (injectEncoding) => new B3Propagator({ injectEncoding });
const debug = { decisions: [true, false, "debug"], shortIds: true };

main(
  otel("@opentelemetry/core", "tracecontext,baggage", w3c, { members: BAGGAGE }),
  otel("@opentelemetry/propagator-aws-xray", "xray", new AWSXRayPropagator()),
  otel("@opentelemetry/propagator-b3", "b3", b3(B3InjectEncoding.SINGLE_HEADER), debug),
  otel("@opentelemetry/propagator-b3", "b3multi", b3(B3InjectEncoding.MULTI_HEADER), debug),
  otel("@opentelemetry/propagator-jaeger", "jaeger", new JaegerPropagator(), { members: BAGGAGE, shortIds: true }),
);
