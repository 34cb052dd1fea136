// Datadog's tracer, with its own headers, ot-baggage-* among them.
"use strict";

const tracer = require("../datadog");
const { main } = require("./peer");

// The values are not encoded, so they are what a header can hold.
const BAGGAGE = { tenant: "acme", share: "100%,41", token: "YWJj==", city: "Zurich West", sum: "1+1" };

function write(sampled, bits) {
  const span = tracer.startSpan("order", { childOf: bits === 64 ? short() : undefined });
  span.setTag(sampled ? "manual.keep" : "manual.drop", true);
  for (const [key, value] of Object.entries(BAGGAGE)) span.setBaggageItem(key, value);
  const headers = {};
  tracer.inject(span, "http_headers", headers);
  return { context: describe(span.context(), sampled), headers };
}

// What a tracer sends whose trace ids have 64 bits.
function short() {
  return tracer.extract("http_headers", { "x-datadog-trace-id": "8448792934412934171", "x-datadog-parent-id": "7" });
}

function read(headers) {
  const found = tracer.extract("http_headers", headers);
  return describe(found, found._sampling.priority > 0);
}

function describe(spanContext, sampled) {
  return {
    trace_id: spanContext.toTraceId(true),
    span_id: spanContext.toSpanId(true),
    sampled,
    baggage: { ...spanContext._baggageItems },
  };
}

main({ library: "dd-trace", formats: "datadog", shortIds: true, write, read });
