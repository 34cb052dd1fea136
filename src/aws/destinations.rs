use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::contract::Destination;

/// The destinations that one interceptor has met, each under the URL or ARN that requests name it
/// by: telemetry prepares what it says of a destination once for each that it is shown.
#[derive(Default)]
pub(crate) struct Destinations(RwLock<HashMap<String, Arc<Destination>>>);

impl Destinations {
    /// Beyond this many, all are forgotten and named again as they are met.
    const MOST: usize = 4096;

    /// The destination under `key`, made by `name` where it is new.
    pub(crate) fn get(&self, key: &str, name: impl FnOnce() -> Destination) -> Arc<Destination> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = known.get(key) {
            return Arc::clone(destination);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        let destination = known.entry(key.to_owned());
        Arc::clone(destination.or_insert_with(|| Arc::new(name())))
    }
}

impl fmt::Debug for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The keys are URLs as the user gave them, with credentials where those have any.
        f.debug_struct("Destinations").finish_non_exhaustive()
    }
}
