//! What went over the wire.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::HeaderMap;

use super::action::Action;

/// A call as it came in, whether or not a fault or a refusal answered it.
#[derive(Clone, Debug)]
pub struct Request {
    action: Action,
    headers: HeaderMap,
    body: Bytes,
}

/// Counts of all calls, and the last of them.
#[derive(Debug)]
pub(super) struct Log {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    counts: [u64; Action::ALL.len()],
    last: VecDeque<Request>,
    kept: usize,
}

impl Request {
    pub(super) fn new(action: Action, mut headers: HeaderMap, body: Bytes) -> Self {
        for credential in ["authorization", "x-amz-security-token"] {
            headers.remove(credential);
        }
        Self {
            action,
            headers,
            body,
        }
    }

    /// The action that was called.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The body; null if it is no JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first header of this name, in any case, that is text. The credentials are not kept.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Log {
    pub(super) fn new(kept: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                counts: [0; _],
                last: VecDeque::new(),
                kept,
            }),
        }
    }

    pub(super) fn record(&self, request: &Request) {
        let mut inner = self.lock();
        inner.counts[request.action as usize] += 1;
        inner.last.push_back(request.clone());
        inner.trim();
    }

    pub(super) fn count(&self, action: Action) -> u64 {
        self.lock().counts[action as usize]
    }

    pub(super) fn total(&self) -> u64 {
        self.lock().counts.iter().sum()
    }

    pub(super) fn last(&self) -> Vec<Request> {
        self.lock().last.iter().cloned().collect()
    }

    pub(super) fn keep(&self, kept: usize) {
        let mut inner = self.lock();
        inner.kept = kept;
        inner.trim();
    }

    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        inner.counts.fill(0);
        inner.last.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn trim(&mut self) {
        let excess = self.last.len().saturating_sub(self.kept);
        self.last.drain(..excess);
    }
}
