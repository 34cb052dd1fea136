"use strict";

const peer = require("./peer");
const { KafkaJsInstrumentation } = require("@opentelemetry/instrumentation-kafkajs");

peer.instrument(new KafkaJsInstrumentation());
const { Kafka, logLevel } = require("kafkajs");

const kafka = new Kafka({ brokers: [process.env.TRACEHOP_KAFKA_BROKERS], logLevel: logLevel.NOTHING });

// The broker makes a topic that somebody writes to.
async function make(name) {
  return name;
}

async function send(topic, each) {
  const producer = kafka.producer();
  await producer.connect();
  await each((body) => producer.send({ topic, messages: [{ value: body }] }));
  await producer.disconnect();
}

async function receive(topic, count, handle) {
  const consumer = kafka.consumer({ groupId: topic });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((done) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.entries(message.headers).map(([key, value]) => [key, value.toString()]);
        handle(message.value.toString(), Object.fromEntries(headers));
        if (--count === 0) done();
      },
    });
  });
  await consumer.disconnect();
}

peer.main("kafkajs", "@opentelemetry/instrumentation-kafkajs", { make, send, receive });
