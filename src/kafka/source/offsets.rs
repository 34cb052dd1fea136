use std::collections::VecDeque;

/// How many records of a partition are taken, at most, from the oldest unfinished one on: what a
/// crash makes come again, and what a record that nobody finishes holds back.
pub(super) const MOST_UNCOMMITTED: usize = 10_000;

/// The offsets of one partition that were taken from it, and which of them are finished.
///
/// Compaction and control records leave gaps, so the next offset is never computed from the one
/// before: what may be committed is the lowest unfinished offset, and where there is none the last
/// one taken plus one.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    /// From the lowest unfinished one on, rising.
    taken: VecDeque<Taken>,
    /// Behind the last one taken.
    end: Option<i64>,
    committed: Option<i64>,
}

#[derive(Debug)]
struct Taken {
    offset: i64,
    finished: bool,
}

impl Offsets {
    /// Takes note of a record that was taken. One that is not above those before was taken already:
    /// the answer is then false.
    pub(super) fn take(&mut self, offset: i64) -> bool {
        let fresh = self.end.is_none_or(|end| offset >= end);
        if fresh {
            self.end = Some(offset + 1);
            let finished = false;
            self.taken.push_back(Taken { offset, finished });
        }
        fresh
    }

    /// The record at that offset is done with.
    pub(super) fn finish(&mut self, offset: i64) {
        // Mostly it is the first.
        let index = match self.taken.front() {
            Some(first) if first.offset == offset => Ok(0),
            _ => self.taken.binary_search_by_key(&offset, |one| one.offset),
        };
        if let Ok(index) = index {
            self.taken[index].finished = true;
        }
        while self.taken.front().is_some_and(|first| first.finished) {
            self.taken.pop_front();
        }
    }

    /// What the group is to go on from; `None` before anything was taken.
    pub(super) fn position(&self) -> Option<i64> {
        self.taken.front().map(|first| first.offset).or(self.end)
    }

    /// The [`position`](Self::position), where the broker has not confirmed it.
    pub(super) fn uncommitted(&self) -> Option<i64> {
        self.position()
            .filter(|position| self.committed != Some(*position))
    }

    /// The broker has confirmed a position.
    pub(super) fn committed(&mut self, position: i64) {
        self.committed = Some(position);
    }

    /// How many more may be taken.
    pub(super) fn room(&self) -> usize {
        MOST_UNCOMMITTED.saturating_sub(self.taken.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(offsets: &[i64]) -> Offsets {
        let mut taken = Offsets::default();
        for offset in offsets {
            assert!(taken.take(*offset));
        }
        taken
    }

    #[test]
    fn the_lowest_unfinished_offset_is_committed_and_then_the_last_plus_one() {
        let mut offsets = taken(&[4, 5, 6]);
        assert_eq!(offsets.position(), Some(4));
        offsets.finish(5);
        offsets.finish(6);
        assert_eq!(offsets.position(), Some(4));
        offsets.finish(4);
        assert_eq!(offsets.position(), Some(7));
    }

    #[test]
    fn gaps_are_not_counted_over() {
        let mut offsets = taken(&[4, 9, 1_000]);
        offsets.finish(4);
        assert_eq!(offsets.position(), Some(9));
        offsets.finish(9);
        assert_eq!(offsets.position(), Some(1_000));
        offsets.finish(1_000);
        assert_eq!(offsets.position(), Some(1_001));
    }

    #[test]
    fn what_the_broker_has_is_not_committed_again() {
        let mut offsets = taken(&[4]);
        assert_eq!(offsets.uncommitted(), Some(4));
        offsets.committed(4);
        assert_eq!(offsets.uncommitted(), None);
        offsets.finish(4);
        assert_eq!(offsets.uncommitted(), Some(5));
    }

    #[test]
    fn before_anything_is_taken_there_is_nothing_to_commit() {
        assert_eq!(Offsets::default().position(), None);
        assert_eq!(Offsets::default().uncommitted(), None);
    }

    #[test]
    fn what_was_taken_already_is_not_taken_twice() {
        let mut offsets = taken(&[4, 5]);
        assert!(!offsets.take(4));
        assert!(!offsets.take(5));
        assert!(offsets.take(6));
    }

    #[test]
    fn room_ends_at_the_limit_and_comes_back_from_the_oldest_on() {
        let mut offsets = Offsets::default();
        for offset in 0..10_000 {
            offsets.take(offset);
        }
        assert_eq!(offsets.room(), 0);
        offsets.finish(1);
        assert_eq!(offsets.room(), 0);
        offsets.finish(0);
        assert_eq!(offsets.room(), 2);
    }

    proptest! {
        /// Whatever the gaps and the order in which records are finished.
        #[test]
        fn the_position_is_never_above_an_unfinished_offset(
            gaps in prop::collection::vec(1_i64..5, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let all: Vec<i64> = gaps.iter().scan(0, |offset, gap| {
                *offset += gap;
                Some(*offset)
            }).collect();
            let mut offsets = taken(&all);
            let mut left = all.clone();
            for index in order {
                if left.is_empty() {
                    break;
                }
                offsets.finish(left.remove(index.index(left.len())));
                let expected = left.first().copied().or(all.last().map(|last| last + 1));
                prop_assert_eq!(offsets.position(), expected);
            }
        }
    }
}
