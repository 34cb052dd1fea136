//! The traced AMQP channel: the real lapin on a real RabbitMQ, with every finished span and every
//! message that arrived to look at.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod bystanders;
mod confirms;
mod destinations;
mod existing_context;
mod limits;
mod process;
mod publish;
mod receive;
mod settle;
mod support;
