use std::time::Duration;

use super::Failure;
use super::backoff::Backoff;
use super::failure::Then;
use crate::contract::{Lane, Settlement};

/// How the handling of one delivery ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The handler returned, panicked or ran out of its time.
    Returned(Result<(), Failure>),
    /// The lease was lost, and the handler cancelled.
    LeaseLost,
    /// The handler was cancelled at the end of the drain time.
    Aborted,
    /// It was never begun, because something before it failed.
    Unseen,
}

impl Ended {
    /// How one of several deliveries ended that were handled together: by its own verdict, else as
    /// the whole did.
    pub(crate) fn of(verdict: Option<Result<(), Failure>>, whole: &Self) -> Self {
        match (verdict, whole) {
            (Some(verdict), _) => Self::Returned(verdict),
            (None, Self::Returned(Ok(()))) => Self::Returned(Ok(())),
            (None, Self::Returned(Err(failure))) => Self::Returned(Err(failure.again())),
            (None, Self::LeaseLost) => Self::LeaseLost,
            (None, Self::Aborted) => Self::Aborted,
            (None, Self::Unseen) => Self::Unseen,
        }
    }
}

/// What the user set for deliveries that fail.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retrying {
    pub(crate) backoff: Backoff,
    pub(crate) max_attempts: Option<u32>,
}

impl Retrying {
    /// Decides what becomes of a delivery: the only place that does. `None` settles nothing.
    ///
    /// The maximum of attempts is applied here and nowhere else, so only to a delivery whose
    /// handler has just failed: a broker's count also rises by deliveries that no handler saw.
    pub(crate) fn settlement(&self, ended: &Ended, attempt: u32) -> Option<Settlement> {
        let failure = match ended {
            Ended::LeaseLost => return None,
            Ended::Returned(Ok(())) => return Some(Settlement::Ack),
            // Handled in part by a worker that goes away: for another worker, at once.
            Ended::Aborted => return Some(again(Duration::ZERO)),
            Ended::Unseen => return Some(Settlement::Release),
            Ended::Returned(Err(failure)) => failure,
        };
        Some(match failure.then {
            Then::Reject => Settlement::Reject {
                reason: failure.to_string(),
            },
            Then::Retry(_) if self.max_attempts.is_some_and(|max| attempt >= max) => {
                Settlement::Reject {
                    reason: format!("attempt {attempt} failed: {failure}"),
                }
            }
            Then::Retry(delay) => again(delay.unwrap_or_else(|| self.backoff.delay(attempt))),
        })
    }

    /// A delivery that was to be rejected and could not be: it comes again, with backoff.
    pub(crate) fn instead_of_reject(&self, attempt: u32) -> Settlement {
        again(self.backoff.delay(attempt))
    }
}

fn again(delay: Duration) -> Settlement {
    Settlement::Nack { delay: Some(delay) }
}

/// The rule of order for deliveries that were handled together: behind the first of a lane that
/// comes again, all of that lane come again. Duplicates, never gaps.
#[derive(Debug, Default)]
pub(crate) struct Stopped(Vec<(Lane, Settlement)>);

impl Stopped {
    /// The settlement of the next delivery of a lane, where one before it comes again.
    pub(crate) fn behind(&self, lane: Option<&Lane>) -> Option<Settlement> {
        let lane = lane?;
        let stop = self.0.iter().find(|(stopped, _)| stopped == lane);
        stop.map(|(_, settlement)| settlement.clone())
    }

    /// Takes note of what became of a delivery; `None` is a lost lease.
    pub(crate) fn note(&mut self, lane: Option<&Lane>, settlement: Option<&Settlement>) {
        let stop = match settlement {
            Some(nack @ Settlement::Nack { .. }) => nack.clone(),
            None => again(Duration::ZERO),
            Some(_) => return,
        };
        if let (Some(lane), None) = (lane, self.behind(lane)) {
            self.0.push((lane.clone(), stop));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn retrying(max_attempts: Option<u32>) -> Retrying {
        Retrying {
            backoff: Backoff::new(SECOND, SECOND),
            max_attempts,
        }
    }

    fn failed(failure: Failure) -> Ended {
        Ended::Returned(Err(failure))
    }

    #[test]
    fn each_end_has_its_settlement() {
        let retrying = retrying(None);
        let settlement = |ended| retrying.settlement(&ended, 7);
        assert_eq!(settlement(Ended::Returned(Ok(()))), Some(Settlement::Ack));
        assert_eq!(settlement(Ended::LeaseLost), None);
        assert_eq!(settlement(Ended::Unseen), Some(Settlement::Release));
        assert_eq!(settlement(Ended::Aborted), Some(again(Duration::ZERO)));
        assert_eq!(
            settlement(failed(Failure::retry_after(SECOND * 9))),
            Some(again(SECOND * 9))
        );
        let reason = "no such customer".to_owned();
        assert_eq!(
            settlement(failed(Failure::reject(reason.clone()))),
            Some(Settlement::Reject { reason })
        );
        let Some(Settlement::Nack { delay: Some(delay) }) = settlement(failed(Failure::new("?")))
        else {
            panic!("an error is a nack with backoff");
        };
        assert!(delay <= SECOND);
    }

    #[test]
    fn the_last_attempt_rejects_what_failed_and_nothing_else() {
        let retrying = retrying(Some(3));
        let failing = |attempt| retrying.settlement(&failed(Failure::new("broken")), attempt);
        assert!(matches!(failing(2), Some(Settlement::Nack { .. })));
        assert_eq!(
            failing(3),
            Some(Settlement::Reject {
                reason: "attempt 3 failed: broken".to_owned()
            })
        );
        assert_eq!(
            retrying.settlement(&Ended::Returned(Ok(())), 9),
            Some(Settlement::Ack)
        );
        assert_eq!(
            retrying.settlement(&Ended::Aborted, 9),
            Some(again(Duration::ZERO))
        );
    }

    #[test]
    fn behind_a_failure_the_lane_comes_again_and_others_go_on() {
        let (a, b) = (Lane::new("a"), Lane::new("b"));
        let mut stopped = Stopped::default();
        stopped.note(Some(&a), Some(&Settlement::Ack));
        assert_eq!(stopped.behind(Some(&a)), None);
        stopped.note(Some(&a), Some(&again(SECOND)));
        stopped.note(Some(&a), Some(&again(SECOND * 2)));
        assert_eq!(stopped.behind(Some(&a)), Some(again(SECOND)));
        assert_eq!(stopped.behind(Some(&b)), None);
        stopped.note(Some(&b), None);
        assert_eq!(stopped.behind(Some(&b)), Some(again(Duration::ZERO)));
    }

    #[test]
    fn without_a_lane_nothing_is_behind_anything() {
        let mut stopped = Stopped::default();
        stopped.note(None, Some(&again(SECOND)));
        assert_eq!(stopped.behind(None), None);
    }
}
