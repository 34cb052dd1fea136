"use strict";

const peer = require("./peer");
const { AmqplibInstrumentation } = require("@opentelemetry/instrumentation-amqplib");

peer.instrument(new AmqplibInstrumentation());
const amqplib = require("amqplib");

// Runs with a channel of its own.
async function onChannel(run) {
  const connection = await amqplib.connect(process.env.TRACEHOP_AMQP_URL);
  await run(await connection.createConfirmChannel());
  await connection.close();
}

async function make(name) {
  await onChannel((channel) => channel.assertQueue(name, { durable: true }));
  return name;
}

async function send(queue, each) {
  await onChannel((channel) =>
    each((body) => {
      channel.sendToQueue(queue, Buffer.from(body));
      return channel.waitForConfirms();
    }),
  );
}

async function receive(queue, count, handle) {
  await onChannel(async (channel) => {
    await new Promise((done) => {
      channel.consume(queue, (message) => {
        handle(message.content.toString(), message.properties.headers);
        channel.ack(message);
        if (--count === 0) done();
      });
    });
    await channel.close();
  });
}

peer.main("amqplib", "@opentelemetry/instrumentation-amqplib", { make, send, receive });
