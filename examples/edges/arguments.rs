use std::env;
use std::net::SocketAddr;

use super::Result;

/// What the command line says.
pub(crate) struct Arguments {
    /// Whether to serve until Ctrl-C, instead of sending one order through.
    pub(crate) serve: bool,
    /// Where REST listens. Default: any port of 127.0.0.1.
    pub(crate) address: SocketAddr,
    /// The path of the REST service. Default: `/test`.
    pub(crate) path: String,
}

impl Arguments {
    pub(crate) fn parse() -> Result<Self> {
        let mut parsed = Self {
            serve: false,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: "/test".to_owned(),
        };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            match name.as_str() {
                "--serve" => {
                    parsed.serve = true;
                    parsed.address = value.parse().map_err(|error| format!("{value}: {error}"))?;
                }
                "--path" if value.starts_with('/') => parsed.path = value,
                _ => return Err(format!("{name} {value}: see the first lines of main.rs").into()),
            }
        }
        // It calls whatever URL it is told.
        if !parsed.address.ip().is_loopback() {
            return Err(format!("{}: not an address of this machine alone", parsed.address).into());
        }
        Ok(parsed)
    }
}
