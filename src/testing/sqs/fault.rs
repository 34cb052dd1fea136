//! Faults on demand.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::action::Action;
use super::refusal::{Code, Refusal};

/// What can go wrong with a call.
///
/// The SDK retries most of these by itself (three attempts in all, by default), and each attempt
/// is a call here: `next(1, …)` is often seen by no one but the SDK. Where a test wants to see the
/// error, it switches the retries off on [`SqsEndpoint::config`](super::SqsEndpoint::config), or
/// asks for three.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// 400 `RequestThrottled`, SQS's own refusal of too many requests.
    RequestThrottled,
    /// 400 `ThrottlingException`, the one that AWS services have in common.
    Throttling,
    /// 500 `InternalError`.
    InternalError,
    /// 503 `ServiceUnavailable`.
    Unavailable,
    /// 403 `AccessDenied`: the credentials are good, but not for this.
    AccessDenied,
    /// 403 `InvalidClientTokenId`: the credentials are not known.
    InvalidCredentials,
    /// The call is accepted and never answered, and has no effect. It ends when the client hangs
    /// up.
    Hang,
    /// The connection is closed with no answer, and the call has no effect.
    Disconnect,
    /// The call is carried out, then the connection is closed with no answer: the client cannot
    /// know, and what it received is in flight with nobody.
    DropReply,
    /// The call is carried out after this time.
    Slow(Duration),
    /// These entries of a batch fail with `InternalError`, the others are carried out. Positions
    /// count from 0. Calls that are no batch pass.
    FailEntries(Vec<usize>),
}

/// The faults that an endpoint is to show.
///
/// Each rule counts the calls of its own actions; the rule that was added first decides where
/// several would fire.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
}

/// The calls that a fault is for. One of its methods ends the sentence.
#[derive(Debug)]
#[must_use = "no fault is set before it is said when"]
pub struct FaultRule<'a> {
    faults: &'a Faults,
    action: Option<Action>,
}

#[derive(Debug)]
struct Rule {
    action: Option<Action>,
    when: When,
    fault: Fault,
}

#[derive(Debug)]
enum When {
    Next(u64),
    Every {
        period: u64,
        calls: u64,
    },
    Random {
        generator: fastrand::Rng,
        share: f64,
    },
    Always,
}

impl Faults {
    /// Faults for the calls of one action.
    pub fn on(&self, action: Action) -> FaultRule<'_> {
        let action = Some(action);
        FaultRule {
            faults: self,
            action,
        }
    }

    /// Faults for the calls of all actions.
    pub fn on_every_action(&self) -> FaultRule<'_> {
        FaultRule {
            faults: self,
            action: None,
        }
    }

    /// Forgets all rules: from now on everything works. A call that hangs goes on hanging.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The fault for a call that has just come in.
    pub(super) fn draw(&self, action: Action) -> Option<Fault> {
        let mut rules = self.lock();
        let drawn = rules
            .iter_mut()
            .filter(|rule| rule.action.is_none_or(|it| it == action))
            .fold(None, |drawn, rule| {
                let fires = rule.when.fires();
                drawn.or_else(|| fires.then(|| rule.fault.clone()))
            });
        rules.retain(|rule| !matches!(rule.when, When::Next(0)));
        drawn
    }

    fn add(&self, action: Option<Action>, when: When, fault: Fault) {
        self.lock().push(Rule {
            action,
            when,
            fault,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultRule<'_> {
    /// The next `calls` calls fail, those after them do not.
    pub fn next(self, calls: u64, fault: Fault) {
        self.faults.add(self.action, When::Next(calls), fault);
    }

    /// The last of every `period` calls fails: with 3 the third, the sixth and so on. A period of
    /// 0 is one of 1.
    pub fn every(self, period: u64, fault: Fault) {
        let period = period.max(1);
        let when = When::Every { period, calls: 0 };
        self.faults.add(self.action, when, fault);
    }

    /// This share of the calls fails (0.0 none, 1.0 all), drawn from the seed: the same seed and
    /// the same order of calls give the same faults.
    pub fn seeded(self, seed: u64, share: f64, fault: Fault) {
        let generator = fastrand::Rng::with_seed(seed);
        let when = When::Random { generator, share };
        self.faults.add(self.action, when, fault);
    }

    /// Every call fails until [`Faults::clear`].
    pub fn always(self, fault: Fault) {
        self.faults.add(self.action, When::Always, fault);
    }
}

impl When {
    fn fires(&mut self) -> bool {
        match self {
            Self::Next(left) => {
                let fires = *left > 0;
                *left = left.saturating_sub(1);
                fires
            }
            Self::Every { period, calls } => {
                *calls += 1;
                *calls % *period == 0
            }
            Self::Random { generator, share } => generator.f64() < *share,
            Self::Always => true,
        }
    }
}

impl Fault {
    /// The answer in place of the call, for the faults that are an error of the service.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let (code, message) = match self {
            Self::RequestThrottled => (Code::RequestThrottled, "The request was throttled."),
            Self::Throttling => (Code::Throttling, "Rate exceeded"),
            Self::InternalError => (Code::InternalError, "We encountered an internal error."),
            Self::Unavailable => (Code::ServiceUnavailable, "Service is unavailable."),
            Self::AccessDenied => (Code::AccessDenied, "Access to the resource is denied."),
            Self::InvalidCredentials => (
                Code::InvalidClientTokenId,
                "The security token included in the request is invalid.",
            ),
            Self::Hang
            | Self::Disconnect
            | Self::DropReply
            | Self::Slow(_)
            | Self::FailEntries(_) => return None,
        };
        Some(Refusal::new(code, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(faults: &Faults, calls: usize) -> String {
        let draw = || faults.draw(Action::SendMessage).is_some();
        (0..calls).map(|_| if draw() { '!' } else { '.' }).collect()
    }

    #[test]
    fn the_next_calls_fail_and_no_other() {
        let faults = Faults::default();
        faults.on(Action::SendMessage).next(2, Fault::Unavailable);
        assert_eq!(faults.draw(Action::ReceiveMessage), None);
        assert_eq!(pattern(&faults, 5), "!!...");
    }

    #[test]
    fn every_third_call_fails() {
        let faults = Faults::default();
        faults.on_every_action().every(3, Fault::Unavailable);
        assert_eq!(pattern(&faults, 7), "..!..!.");
    }

    #[test]
    fn a_seed_gives_the_same_faults_again() {
        let run = |seed| {
            let faults = Faults::default();
            let rule = faults.on(Action::SendMessage);
            rule.seeded(seed, 0.5, Fault::Unavailable);
            pattern(&faults, 64)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let failed = run(7).matches('!').count();
        assert!((16..=48).contains(&failed), "{failed} of 64");
    }

    #[test]
    fn the_first_rule_decides_and_the_others_count_on() {
        let faults = Faults::default();
        faults.on(Action::SendMessage).next(1, Fault::Hang);
        faults.on(Action::SendMessage).every(2, Fault::DropReply);
        assert_eq!(faults.draw(Action::SendMessage), Some(Fault::Hang));
        assert_eq!(faults.draw(Action::SendMessage), Some(Fault::DropReply));
    }
}
