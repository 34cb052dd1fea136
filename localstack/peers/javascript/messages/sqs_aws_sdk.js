"use strict";

const peer = require("./peer");
const { AwsInstrumentation } = require("@opentelemetry/instrumentation-aws-sdk");

peer.instrument(new AwsInstrumentation());
const { SQS } = require("@aws-sdk/client-sqs");

const sqs = new SQS({ endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION });

async function make(name) {
  return (await sqs.createQueue({ QueueName: name })).QueueUrl;
}

async function send(queue, each) {
  await each((body) => sqs.sendMessage({ QueueUrl: queue, MessageBody: body }));
}

async function receive(queue, count, handle) {
  while (count > 0) {
    const { Messages = [] } = await sqs.receiveMessage({
      QueueUrl: queue,
      MaxNumberOfMessages: Math.min(count, 10),
      WaitTimeSeconds: 1,
      MessageAttributeNames: ["All"],
    });
    for (const message of Messages) {
      const attributes = Object.entries(message.MessageAttributes ?? {});
      handle(message.Body, Object.fromEntries(attributes.map(([key, { StringValue }]) => [key, StringValue])));
      await sqs.deleteMessage({ QueueUrl: queue, ReceiptHandle: message.ReceiptHandle });
      count--;
    }
  }
}

peer.main("@aws-sdk/client-sqs", "@opentelemetry/instrumentation-aws-sdk", { make, send, receive });
