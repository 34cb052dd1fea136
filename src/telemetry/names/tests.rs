use opentelemetry_semantic_conventions::{attribute, metric};

use super::*;

#[test]
fn the_names_are_those_of_the_conventions_crate() {
    let pairs = [
        (SYSTEM, attribute::MESSAGING_SYSTEM),
        (OPERATION_NAME, attribute::MESSAGING_OPERATION_NAME),
        (OPERATION_TYPE, attribute::MESSAGING_OPERATION_TYPE),
        (DESTINATION_NAME, attribute::MESSAGING_DESTINATION_NAME),
        (
            DESTINATION_TEMPLATE,
            attribute::MESSAGING_DESTINATION_TEMPLATE,
        ),
        (
            DESTINATION_ANONYMOUS,
            attribute::MESSAGING_DESTINATION_ANONYMOUS,
        ),
        (
            DESTINATION_TEMPORARY,
            attribute::MESSAGING_DESTINATION_TEMPORARY,
        ),
        (PARTITION_ID, attribute::MESSAGING_DESTINATION_PARTITION_ID),
        (MESSAGE_ID, attribute::MESSAGING_MESSAGE_ID),
        (
            CONVERSATION_ID,
            attribute::MESSAGING_MESSAGE_CONVERSATION_ID,
        ),
        (BODY_SIZE, attribute::MESSAGING_MESSAGE_BODY_SIZE),
        (
            BATCH_MESSAGE_COUNT,
            attribute::MESSAGING_BATCH_MESSAGE_COUNT,
        ),
        (CONSUMER_GROUP, attribute::MESSAGING_CONSUMER_GROUP_NAME),
        (KAFKA_KEY, attribute::MESSAGING_KAFKA_MESSAGE_KEY),
        (
            KAFKA_TOMBSTONE,
            attribute::MESSAGING_KAFKA_MESSAGE_TOMBSTONE,
        ),
        (KAFKA_OFFSET, attribute::MESSAGING_KAFKA_OFFSET),
        (
            RABBITMQ_ROUTING_KEY,
            attribute::MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY,
        ),
        (
            RABBITMQ_DELIVERY_TAG,
            attribute::MESSAGING_RABBITMQ_MESSAGE_DELIVERY_TAG,
        ),
        (SERVER_ADDRESS, attribute::SERVER_ADDRESS),
        (SERVER_PORT, attribute::SERVER_PORT),
        (ERROR_TYPE, attribute::ERROR_TYPE),
        (AWS_REQUEST_ID, attribute::AWS_REQUEST_ID),
        (FAAS_TRIGGER, attribute::FAAS_TRIGGER),
        (SQS_QUEUE_URL, attribute::AWS_SQS_QUEUE_URL),
        (SNS_TOPIC_ARN, attribute::AWS_SNS_TOPIC_ARN),
        (
            OPERATION_DURATION,
            metric::MESSAGING_CLIENT_OPERATION_DURATION,
        ),
        (PROCESS_DURATION, metric::MESSAGING_PROCESS_DURATION),
        (SENT_MESSAGES, metric::MESSAGING_CLIENT_SENT_MESSAGES),
        (
            CONSUMED_MESSAGES,
            metric::MESSAGING_CLIENT_CONSUMED_MESSAGES,
        ),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours, theirs);
    }
}
