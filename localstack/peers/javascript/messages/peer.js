// What the peers share that send and receive messages: an OpenTelemetry SDK and the commands that
// ../../check/messages.py gives. A peer is one file, <broker>_<library>.js, and calls main().
"use strict";

const { ROOT_CONTEXT, SpanKind, context, propagation, trace } = require("@opentelemetry/api");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { version } = require("../version");

// All spans that were started. One that is never ended counts too.
const started = [];
const spans = {
  onStart: (span) => started.push(span),
  onEnd: () => {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const count = Number(process.env.COUNT);

// Call it before the library is required. W3C Trace Context and Baggage are the default formats.
function instrument(instrumentation) {
  new NodeTracerProvider({ spanProcessors: [spans] }).register();
  registerInstrumentations({ instrumentations: [instrumentation] });
}

// make(name) makes a queue or topic and answers what the two others and our programs call it;
// send(destination, each) calls each(publish) once, which calls publish(body) for every message;
// receive(destination, count, handle) calls handle(body, headers) for each message, the headers as
// an object of strings.
async function main(library, instrumentation, { make, send, receive }) {
  const [command, destination] = process.argv.slice(2);
  if (command === "make") {
    const peer = `${library} ${version(library)}`;
    show({ peer, instrumentation: version(instrumentation), destination: await make(destination) });
  } else if (command === "send") {
    await send(destination, orders);
  } else if (command === "receive") {
    const received = [];
    await receive(destination, count, (body, headers) => received.push(read(body, headers)));
    for (const message of received) show({ ...message, tied: tied(message) });
  }
}

// Each body within a trace of its own and the BAGGAGE; prints the context that the instrumentation
// made for it.
async function orders(publish) {
  const parent = propagation.extract(ROOT_CONTEXT, { baggage: process.env.BAGGAGE });
  for (let number = 0; number < count; number++) {
    const body = `order ${number}`;
    const order = trace.getTracer("peer").startSpan("order", {}, parent);
    await context.with(trace.setSpan(parent, order), () => publish(body));
    order.end();
    const { traceId } = order.spanContext();
    const sent = started.filter((span) => span.kind === SpanKind.PRODUCER && span.spanContext().traceId === traceId);
    show({ body, ...ids(sent.at(-1).spanContext()) });
  }
}

function read(body, headers) {
  const extracted = propagation.extract(ROOT_CONTEXT, headers);
  const members = propagation.getBaggage(extracted)?.getAllEntries() ?? [];
  const baggage = Object.fromEntries(members.map(([key, { value }]) => [key, value]));
  return { body, ...ids(trace.getSpanContext(extracted)), baggage };
}

// How the instrumentation's spans belong to the message.
function tied(message) {
  const own = (other) => other?.traceId === message.trace_id && other.spanId === message.span_id;
  const parent = started.some((span) => own(span.parentSpanContext));
  const link = started.some((span) => span.links.some((link) => own(link.context)));
  return [parent && "parent", link && "link"].filter(Boolean).join(" and ");
}

function ids(spanContext) {
  return { trace_id: spanContext?.traceId, span_id: spanContext?.spanId };
}

function show(line) {
  console.log(JSON.stringify(line));
}

module.exports = { instrument, main };
