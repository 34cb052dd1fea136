use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry_http::HttpClient;
use opentelemetry_http::hyper::HyperClient;
use rustls::crypto::aws_lc_rs;

use super::SetupError;

/// A client for OTLP over HTTP with TLS: that of opentelemetry-otlp (0.33) speaks none, or brings
/// an HTTP stack of its own. It trusts the system's root certificates; `timeout` is that of one
/// request.
pub(super) fn client(timeout: Duration) -> Result<Arc<dyn HttpClient>, SetupError> {
    // Named, because a process that has two providers would have none by default.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)
        .map_err(SetupError::RootCertificates)?
        .https_only()
        .enable_http1()
        .build();
    Ok(Arc::new(HyperClient::new(connector, timeout, None)))
}
