//! A real OTLP endpoint (gRPC) inside the test process: what arrives there went over the wire.

#![allow(dead_code, reason = "each test target looks at what it needs")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A span as it arrived, with the resource that sent it.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) resource: Resource,
    pub(crate) span: Span,
}

impl Arrived {
    pub(crate) fn service(&self) -> String {
        attribute(&self.resource.attributes, "service.name").unwrap_or_default()
    }

    pub(crate) fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    pub(crate) fn span_id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub(crate) fn parent_span_id(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// The attribute as text, numbers in decimal.
    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.span.attributes, key)
    }
}

/// The attribute as text, numbers in decimal.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        any_value::Value::BoolValue(flag) => Some(flag.to_string()),
        any_value::Value::DoubleValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Clone, Default)]
struct Store {
    spans: Arc<Mutex<Vec<Arrived>>>,
    metrics: Arc<Mutex<Vec<String>>>,
}

/// The endpoint; it stops when dropped.
pub(crate) struct OtlpReceiver {
    address: SocketAddr,
    store: Store,
    server: tokio::task::JoinHandle<()>,
}

impl OtlpReceiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let store = Store::default();
        let service = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(store.clone()))
            .add_service(MetricsServiceServer::new(store.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async move { service.await.unwrap() });
        Self {
            address,
            store,
            server,
        }
    }

    /// The variables that send a process' telemetry here.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("OTEL_TRACES_EXPORTER", "otlp".to_owned()),
            ("OTEL_METRICS_EXPORTER", "otlp".to_owned()),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://{}", self.address),
            ),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000".to_owned()),
        ]
    }

    pub(crate) fn spans(&self) -> Vec<Arrived> {
        let spans = self.store.spans.lock();
        spans.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of the metrics that have arrived.
    pub(crate) fn metric_names(&self) -> Vec<String> {
        let metrics = self.store.metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits up to 20 s until `enough` holds of the spans that have arrived.
    pub(crate) async fn wait_for(&self, enough: impl Fn(&[Arrived]) -> bool) -> Vec<Arrived> {
        let wait = async {
            loop {
                let spans = self.spans();
                if enough(&spans) {
                    return spans;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("still missing spans; arrived: {:#?}", self.spans()))
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tonic::async_trait]
impl TraceService for Store {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut store = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for resource_spans in request.into_inner().resource_spans {
            let resource = resource_spans.resource.unwrap_or_default();
            let spans = resource_spans.scope_spans.into_iter();
            store.extend(spans.flat_map(|scope| scope.spans).map(|span| Arrived {
                resource: resource.clone(),
                span,
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Store {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut store = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = request.into_inner().resource_metrics.into_iter();
        let metrics = scopes.flat_map(|resource| resource.scope_metrics);
        for metric in metrics.flat_map(|scope| scope.metrics) {
            if !store.contains(&metric.name) {
                store.push(metric.name);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
