//! An OTLP receiver in a process of its own: what it spends is nobody's figure.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

pub(crate) struct Collector {
    process: Child,
    address: String,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("own path"))
            .arg("--child=collector")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the collector starts");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("its output"))
            .read_line(&mut address)
            .expect("its address");
        Self {
            process,
            address: address.trim().to_owned(),
        }
    }

    /// The variables that send a process' spans here, with room for as many as it writes.
    pub(crate) fn variables(&self, spans: u32) -> Vec<(&'static str, String)> {
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.address.clone()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
            ("OTEL_METRICS_EXPORTER", "none".to_owned()),
            ("OTEL_BSP_MAX_QUEUE_SIZE", spans.to_string()),
        ]
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// A process that is nothing but the receiver, until its standard input ends.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.spawn(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        println!("http://{}", listener.local_addr().expect("its address"));
        let incoming = TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder();
        let server = { server }.add_service(TraceServiceServer::new(Sink));
        server.serve_with_incoming(incoming).await.expect("served");
    });
    let _ = std::io::stdin().read(&mut [0]);
}

struct Sink;

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
