//! gRPC, with the middleware of `tonic-tracing-opentelemetry` on both ends. The messages and the
//! service are written out, as `protoc` would have them of this:
//!
//! ```proto
//! package edges;
//! service Orders { rpc PassOn(Order) returns (Passed); }
//! message Order { string stops = 1; }
//! message Passed {}
//! ```

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::uri::PathAndQuery;
use axum::http::{Request as HttpRequest, Response as HttpResponse};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tonic_tracing_opentelemetry::middleware::{client, server};
use tower::{ServiceBuilder, service_fn};

use super::Result;
use super::service::Service;

const PASS_ON: &str = "/edges.Orders/PassOn";

#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(string, tag = "1")]
    stops: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Passed {}

pub(crate) async fn serve(
    listener: TcpListener,
    service: Service,
    stop: CancellationToken,
) -> Result<()> {
    let orders = Router::new()
        .route(PASS_ON, post(pass_on))
        .with_state(service);
    Server::builder()
        .layer(server::OtelGrpcLayer::default())
        .add_routes(Routes::from(orders))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned())
        .await?;
    Ok(())
}

async fn pass_on(
    State(service): State<Service>,
    request: HttpRequest<Body>,
) -> HttpResponse<tonic::body::Body> {
    let handler = service_fn(move |order: Request<Order>| {
        let service = service.clone();
        async move {
            let handled = service.handle("grpc", order.get_ref().stops.as_bytes());
            let handled = handled.await.map(|()| Response::new(Passed {}));
            handled.map_err(|error| Status::internal(error.to_string()))
        }
    });
    let codec = ProstCodec::<Passed, Order>::default();
    tonic::server::Grpc::new(codec)
        .unary(handler, request)
        .await
}

/// Calls the service at `address`, `//host:port`.
pub(crate) async fn call(address: &str, stops: String) -> Result<()> {
    let channel = Endpoint::from_shared(format!("http:{address}"))?.connect_lazy();
    let channel = ServiceBuilder::new()
        .layer(client::OtelGrpcLayer)
        .service(channel);
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await?;
    let codec = ProstCodec::<Order, Passed>::default();
    let order = Request::new(Order { stops });
    client
        .unary(order, PathAndQuery::from_static(PASS_ON), codec)
        .await?;
    Ok(())
}
