//! Something that OTLP goes to over HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Requests that came in, as they came.
pub(crate) type Received<T> = Arc<Mutex<Vec<T>>>;

/// An HTTP server that answers 200 to everything: request heads with bodies as lossy text.
pub(crate) fn http_server() -> (String, Received<String>) {
    let (address, received) = server(|stream| stream);
    (format!("http://{address}"), received)
}

/// The same with TLS, as `localhost` with a certificate of its own making.
pub(crate) fn https_server() -> (String, Received<String>) {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_file("tests/tls/key.pem").unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let (address, received) = server(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        rustls::StreamOwned::new(connection, stream)
    });
    (format!("https://localhost:{}", address.port()), received)
}

/// For `localhost`, until 2126.
pub(crate) const CERTIFICATE: &str = "tests/tls/certificate.pem";

fn server<S: Read + Write>(
    accept: impl Fn(TcpStream) -> S + Clone + Send + 'static,
) -> (SocketAddr, Received<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let requests = Arc::clone(&received);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (accept, requests) = (accept.clone(), Arc::clone(&requests));
            thread::spawn(move || {
                let mut stream = accept(stream.unwrap());
                while let Some(request) = read_request(&mut stream) {
                    requests.lock().unwrap().push(request);
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .unwrap();
                    stream.flush().unwrap();
                }
            });
        }
    });
    (address, received)
}

fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)?
        .lines()
        .next()?
        .parse()
        .ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}
