//! REST: on the way in the middleware of OpenTelemetry's own project for tower, on the way out a
//! few lines over `opentelemetry-http`. Of the middleware for clients, `reqwest-tracing` 0.7 ends
//! at OpenTelemetry 0.32, and `tower-otel` 0.12 puts every header on the span, baggage too.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HeaderInjector, HttpClient, Request, ResponseExt};
use opentelemetry_instrumentation_tower::http::server::Layer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracehop_propagation::BaggageMember;

use super::Result;
use super::service::Service;

/// The path where orders come in.
pub(crate) const SHOP: &str = "/orders";

const TIER: BaggageMember<String> = BaggageMember::new("customer.tier");

type Answer = Result<StatusCode, (StatusCode, String)>;

/// Serves requests at `path`, and at [`SHOP`] those of customers.
pub(crate) async fn serve(
    listener: TcpListener,
    path: String,
    service: Service,
    stop: CancellationToken,
) -> Result<()> {
    let router = Router::new()
        .route(&path, post(pass_on))
        .route(SHOP, post(take_order))
        .layer(Layer::new()) // a span for each request, child of what its headers say
        .with_state(service);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await?;
    Ok(())
}

/// The first service: it knows its customer, and all that follow are to know.
async fn take_order(State(service): State<Service>, order: Bytes) -> Answer {
    let cx = TIER.set(&Context::current(), &"gold, since 2019".to_owned());
    pass_on(State(service), order).with_context(cx).await
}

async fn pass_on(State(service): State<Service>, request: Bytes) -> Answer {
    match service.handle("rest", &request).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err((StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

/// A client that opens a span for each request and writes it into the headers, with the baggage
/// that is current.
#[derive(Clone)]
pub(crate) struct Client(HyperClient);

impl Default for Client {
    fn default() -> Self {
        let timeout = Duration::from_secs(30);
        Self(HyperClient::with_default_connector(timeout, None))
    }
}

impl Client {
    pub(crate) async fn post(&self, url: &str, body: String) -> Result<()> {
        let tracer = global::tracer("edges");
        let span = tracer
            .span_builder("POST")
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("url.full", url.to_owned()),
            ]);
        let cx = Context::current_with_span(span.start(&tracer));

        let mut request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))?;
        global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&cx, &mut HeaderInjector(request.headers_mut()));
        });
        let sent = self.0.send_bytes(request).await;
        let sent = sent.and_then(ResponseExt::error_for_status);
        let span = cx.span();
        match &sent {
            Ok(response) => {
                let code = i64::from(response.status().as_u16());
                span.set_attribute(KeyValue::new("http.response.status_code", code));
            }
            Err(error) => span.set_status(Status::error(error.to_string())),
        }
        sent.map(drop)
    }
}
