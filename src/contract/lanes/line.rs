use std::collections::VecDeque;

/// A queue that mostly holds one item at most, for which it allocates nothing.
#[derive(Debug)]
pub(super) struct Line<T> {
    /// Empty only where all is.
    first: Option<T>,
    rest: VecDeque<T>,
}

impl<T> Line<T> {
    pub(super) const fn new() -> Self {
        Self {
            first: None,
            rest: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn push_back(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.rest.push_back(item),
        }
    }

    pub(super) fn push_front(&mut self, item: T) {
        if let Some(second) = self.first.replace(item) {
            self.rest.push_front(second);
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        std::mem::replace(&mut self.first, self.rest.pop_front())
    }
}
