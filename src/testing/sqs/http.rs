//! Connections: a request in, the faults that are due, an answer out.
//!
//! AWS JSON 1.0 over HTTP/1.1, with the error headers of the "AWS query compatible" trait, by
//! which the SDK types its errors. Source: "AWS JSON 1.0 protocol" in the Smithy 2.0 specification.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::action::Action;
use super::actions::Call;
use super::broker::Broker;
use super::fault::{Fault, Faults};
use super::log::{Log, Request};
use super::message::random_id;
use super::refusal::{Code, Refusal};

/// A batch of 1 MiB in which every character is escaped stays below this.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What all connections of an endpoint share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) broker: Broker,
    pub(super) faults: Faults,
    pub(super) log: Log,
}

/// Answers every connection, until it is dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                // Most likely the process has no file descriptor left: others will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without it an answer may wait 40 ms for the client's acknowledgement. It is no more than
    // slower where it cannot be set.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&shared, request));
    // A client that hangs up ends the connection, and with it a receive that still waits; an error
    // here is that or a fault of ours.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Errs where the connection is to be closed with no answer.
async fn answer(
    shared: &Shared,
    request: hyper::Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(io::Error::other(error)),
    };
    let target = head.headers.get("x-amz-target");
    let target = target.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let Some(action) = Action::from_target(target) else {
        let message = format!("The endpoint for tests does not know the action '{target}'.");
        return Ok(refuse(&Refusal::new(Code::UnsupportedOperation, message)));
    };
    let request = Request::new(action, head.headers, body);
    shared.log.record(&request);
    let fault = shared.faults.draw(action);
    if let Some(refusal) = fault.as_ref().and_then(Fault::refusal) {
        return Ok(refuse(&refusal));
    }
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Disconnect) => return Err(closed_on_purpose()),
        Some(Fault::Slow(by)) => tokio::time::sleep(by).await,
        _ => {}
    }
    let failing = match &fault {
        Some(Fault::FailEntries(positions)) => positions.as_slice(),
        _ => &[],
    };
    let call = Call {
        action,
        body: request.body(),
        trace_header: request.header("x-amzn-trace-id"),
        failing,
    };
    let outcome = call.perform(&shared.broker).await;
    if fault == Some(Fault::DropReply) {
        return Err(closed_on_purpose());
    }
    Ok(outcome.map_or_else(|refusal| refuse(&refusal), |json| reply(json.into())))
}

fn reply(json: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(json));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    if let Ok(id) = HeaderValue::try_from(random_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn refuse(refusal: &Refusal) -> Response<Full<Bytes>> {
    let code = refusal.code;
    let json = serde_json::json!({
        "__type": format!("com.amazonaws.sqs#{}", code.shape()),
        "message": refusal.message,
    });
    let mut response = reply(json.to_string().into());
    *response.status_mut() = StatusCode::from_u16(code.status()).unwrap_or_default();
    let fault = if code.is_senders_fault() {
        "Sender"
    } else {
        "Receiver"
    };
    if let Ok(error) = HeaderValue::try_from(format!("{};{fault}", code.query())) {
        response.headers_mut().insert("x-amzn-query-error", error);
    }
    response
}

fn closed_on_purpose() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "a fault that was asked for",
    )
}
