// Sentry's SDK: its trace header, and its own members of the W3C baggage header.
"use strict";

const Sentry = require("@sentry/node");
const { main } = require("./peer");

Sentry.init({
  dsn: "https://public@127.0.0.1/1",
  transport: () => ({ send: async () => ({}), flush: async () => true }),
  environment: "test",
  release: "peer@1.0",
  tracesSampler: ({ name }) => (name === "true" ? 1 : 0),
});

// No decision is made before there is a span.
function write(sampled) {
  const headers = () => describe(Sentry.getTraceData());
  if (sampled === null) return Sentry.withIsolationScope(headers);
  return Sentry.startNewTrace(() => Sentry.startSpan({ name: String(sampled) }, headers));
}

function read(headers) {
  return Sentry.continueTrace({ sentryTrace: headers["sentry-trace"], baggage: headers.baggage }, () => {
    const { traceId, parentSpanId, sampled = null, dsc } = Sentry.getCurrentScope().getPropagationContext();
    const members = Object.entries(dsc).map(([key, value]) => [`sentry-${key}`, value]);
    const baggage = Object.fromEntries(members);
    // The SDK makes one up.
    if (!headers.baggage.includes("sentry-sample_rand=")) delete baggage["sentry-sample_rand"];
    return { trace_id: traceId, span_id: parentSpanId, sampled, baggage };
  });
}

// What the headers say, and the headers: the SDK shows a part of it alone.
function describe(headers) {
  const [trace_id, span_id, decision] = headers["sentry-trace"].split("-");
  const members = headers.baggage.split(",").map((member) => member.split("=").map(decodeURIComponent));
  const sampled = { 1: true, 0: false }[decision] ?? null;
  return { context: { trace_id, span_id, sampled, baggage: Object.fromEntries(members) }, headers };
}

main({ library: "@sentry/node", formats: "sentry", write, read, decisions: [true, false, null] });
