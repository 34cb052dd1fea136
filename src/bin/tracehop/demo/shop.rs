//! The order service: it sends to SQS with the client that it always had, and one line more.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Array, Context, KeyValue, Value};
use tracehop::testing::sqs::SqsEndpoint;

use super::service::Service;
use super::{Queues, Result};

/// The order that is packed at the third attempt only.
pub(super) const FRAGILE: i64 = 1007;
/// The order that can never be packed.
pub(super) const UNKNOWN: i64 = 1008;
/// How many orders leave the house.
pub(super) const SHIPPED: usize = 7;

/// Takes the orders of a morning: one, three at once, two of one customer that stay in order, and
/// two that mean trouble.
pub(super) async fn open(service: &Service, sqs: &SqsEndpoint, queues: &Queues) -> Result<()> {
    let shop = Shop {
        service,
        client: service.client(sqs),
        queues,
    };
    shop.order(1001, "Zoë & Söhne", "gold").await?;
    shop.import(&[1002, 1003, 1004], "Acme, Inc.", "silver")
        .await?;
    shop.express(&[1005, 1006], "Émile", "gold").await?;
    shop.order(FRAGILE, "100% Glass", "silver").await?;
    shop.order(UNKNOWN, "Captain Nemo", "gold").await
}

struct Shop<'a> {
    service: &'a Service,
    client: Client,
    queues: &'a Queues,
}

impl Shop<'_> {
    /// One message.
    async fn order(&self, order: i64, customer: &str, tier: &str) -> Result<()> {
        let work = async {
            let send = self.client.send_message().queue_url(&self.queues.orders);
            send.message_body(order.to_string()).send().await?;
            Ok(())
        };
        self.request("place order", &[order], customer, tier, Box::pin(work))
            .await
    }

    /// Several messages in one call.
    async fn import(&self, orders: &[i64], customer: &str, tier: &str) -> Result<()> {
        let work = async {
            let mut send = self
                .client
                .send_message_batch()
                .queue_url(&self.queues.orders);
            for order in orders {
                let entry = SendMessageBatchRequestEntry::builder();
                let entry = entry.id(order.to_string()).message_body(order.to_string());
                send = send.entries(entry.build()?);
            }
            let answer = send.send().await?;
            match answer.failed() {
                [] => Ok(()),
                [failed, ..] => Err(format!("order {}: {}", failed.id(), failed.code()).into()),
            }
        };
        self.request("import orders", orders, customer, tier, Box::pin(work))
            .await
    }

    /// Messages of one group, which a FIFO queue keeps in order.
    async fn express(&self, orders: &[i64], customer: &str, tier: &str) -> Result<()> {
        let work = async {
            for order in orders {
                let send = self.client.send_message().queue_url(&self.queues.express);
                send.message_group_id("express")
                    .message_deduplication_id(order.to_string())
                    .message_body(order.to_string())
                    .send()
                    .await?;
            }
            Ok(())
        };
        self.request(
            "place express orders",
            orders,
            customer,
            tier,
            Box::pin(work),
        )
        .await
    }

    /// A request of a customer, who then is known to all that comes of it.
    async fn request(
        &self,
        name: &'static str,
        orders: &[i64],
        customer: &str,
        tier: &str,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let customer = [("customer", customer), ("tier", tier)];
        let baggage = customer.map(|(key, value)| KeyValue::new(key, value.to_owned()));
        let cx = Context::new().with_baggage(baggage.clone());
        let orders = KeyValue::new("order.ids", Value::Array(Array::I64(orders.to_vec())));
        let attributes = baggage.into_iter().chain([orders]);
        self.service
            .traced(&cx, name, SpanKind::Server, attributes, work)
            .await
    }
}
