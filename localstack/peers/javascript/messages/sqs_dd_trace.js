// Datadog's tracer, whose plugin for the AWS SDK writes the one attribute `_datadog` and reads it.
"use strict";

const { subscribe } = require("node:diagnostics_channel");
const tracer = require("../datadog");
const { SQS } = require("@aws-sdk/client-sqs");
const { version } = require("../version");

const sqs = new SQS({ endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION });
const count = Number(process.env.COUNT);
const ATTRIBUTE = "_datadog";

const started = [];
subscribe("dd-trace:span:start", ({ span }) => started.push(span));

const commands = {
  async make(name) {
    const { QueueUrl: destination } = await sqs.createQueue({ QueueName: name });
    const peer = `@aws-sdk/client-sqs ${version("@aws-sdk/client-sqs")}`;
    show({ peer, instrumentation: `dd-trace ${version("dd-trace")}`, destination, formats: "datadog" });
  },

  // Each body within a trace of its own and the BAGGAGE; prints the context that the plugin wrote.
  async send(queue) {
    const members = process.env.BAGGAGE.split(",").map((member) => member.split("=").map(decodeURIComponent));
    for (let number = 0; number < count; number++) {
      const order = { QueueUrl: queue, MessageBody: `order ${number}` };
      const span = tracer.startSpan("order");
      for (const [key, value] of members) span.setBaggageItem(key, value);
      await tracer.scope().activate(span, () => sqs.sendMessage(order));
      span.finish();
      show({ body: order.MessageBody, ...ids(carried(order)) });
    }
  },

  async receive(queue) {
    const received = [];
    while (received.length < count) {
      const request = { QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 };
      const { Messages = [] } = await sqs.receiveMessage(request);
      for (const message of Messages) {
        const context = carried(message);
        received.push({ body: message.Body, ...ids(context), baggage: { ...context._baggageItems } });
        await sqs.deleteMessage({ QueueUrl: queue, ReceiptHandle: message.ReceiptHandle });
      }
    }
    for (const message of received) show({ ...message, tied: tied(message) });
  },
};

function carried({ MessageAttributes }) {
  return tracer.extract("text_map", JSON.parse(MessageAttributes[ATTRIBUTE].StringValue));
}

function ids(spanContext) {
  return { trace_id: spanContext.toTraceId(true), span_id: spanContext.toSpanId(true) };
}

// How the plugin's spans belong to the message.
function tied(message) {
  const own = (context) => ids(context).trace_id === message.trace_id && ids(context).span_id === message.span_id;
  const parent = started.some((span) => {
    const { _parentId } = span.context();
    return _parentId?.toString(16).padStart(16, "0") === message.span_id;
  });
  const link = started.some((span) => span._links?.some(({ context }) => own(context)));
  return [parent && "parent", link && "link"].filter(Boolean).join(" and ");
}

function show(line) {
  console.log(JSON.stringify(line));
}

const [command, destination] = process.argv.slice(2);
commands[command](destination).then(() => process.exit(0));
