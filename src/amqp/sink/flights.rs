use std::collections::BTreeMap;

use lapin::types::ReplyCode;

/// Messages that are published and not yet confirmed, and which of them came back.
///
/// RabbitMQ returns a message before it confirms it, and says of a return only what the message
/// was, not which publish it belongs to. The client hands a return over with whatever confirm comes
/// next (lapin 4), which may be another message's. So a return is matched by routing key and message
/// id; and a confirm says nothing of its own message while returns may still be on their way: until
/// one comes that brings none, or nothing is left unconfirmed.
#[derive(Debug)]
pub(super) struct Flights<T> {
    next: u64,
    flying: BTreeMap<u64, Flight<T>>,
    /// What is confirmed and undecided, in the order of the confirms, with the broker's word.
    landed: Vec<(u64, Word)>,
    /// How many of `landed` no return can concern any more.
    clear: usize,
}

#[derive(Debug)]
struct Flight<T> {
    mark: Mark,
    item: T,
    /// Why it came back.
    returned: Option<ReplyCode>,
}

/// What a return can be known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) routing_key: String,
    pub(super) message_id: String,
}

/// What the broker said of a message.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Acked,
    /// It could not take the message on.
    Nacked,
    /// The channel ended before there was a word.
    Lost(lapin::Error),
}

/// What became of a message.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Sent,
    /// For that reason.
    Returned(ReplyCode),
    Nacked,
    Lost(lapin::Error),
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            next: 0,
            flying: BTreeMap::new(),
            landed: Vec::new(),
            clear: 0,
        }
    }
}

impl<T> Flights<T> {
    /// How many messages are published and undecided.
    pub(super) fn len(&self) -> usize {
        self.flying.len()
    }

    /// A message goes out; answers its number.
    pub(super) fn start(&mut self, mark: Mark, item: T) -> u64 {
        self.next += 1;
        let flight = Flight {
            mark,
            item,
            returned: None,
        };
        self.flying.insert(self.next, flight);
        self.next
    }

    /// The confirm of message `number` has come, and with it a return, which may be another's.
    pub(super) fn landed(&mut self, number: u64, word: Word, returned: Option<(Mark, ReplyCode)>) {
        self.landed.push((number, word));
        let Some((mark, returned)) = returned else {
            self.clear = self.landed.len();
            return;
        };
        let unmarked = self
            .flying
            .iter()
            .filter(|(_, flight)| flight.returned.is_none());
        let own = unmarked
            .filter(|(_, flight)| flight.mark == mark)
            .map(|(number, _)| *number)
            .next();
        // It never gets lost: if it cannot be told whose it is, it is that message's.
        if let Some(flight) = self.flying.get_mut(&own.unwrap_or(number)) {
            flight.returned = Some(returned);
        }
    }

    /// Nothing more will be heard: what becomes of all that is undecided.
    pub(super) fn abandon(&mut self, error: &lapin::Error) -> Vec<(T, Fate)> {
        let confirmed: Vec<u64> = self.landed.iter().map(|(number, _)| *number).collect();
        for number in self
            .flying
            .keys()
            .filter(|number| !confirmed.contains(number))
        {
            self.landed.push((*number, Word::Lost(error.clone())));
        }
        self.decided()
    }

    /// What is decided. To be asked only when every confirm that is there has been told of.
    pub(super) fn decided(&mut self) -> Vec<(T, Fate)> {
        if self.landed.len() == self.flying.len() {
            self.clear = self.landed.len();
        }
        let mut decided = Vec::new();
        let mut undecided = Vec::new();
        for (index, (number, word)) in std::mem::take(&mut self.landed).into_iter().enumerate() {
            let flight = self.flying.get(&number);
            let returned = flight.is_some_and(|flight| flight.returned.is_some());
            if index >= self.clear && !returned {
                undecided.push((number, word));
            } else if let Some(flight) = self.flying.remove(&number) {
                decided.push((flight.item, fate(word, flight.returned)));
            }
        }
        self.landed = undecided;
        self.clear = 0;
        decided
    }
}

fn fate(word: Word, returned: Option<ReplyCode>) -> Fate {
    match (word, returned) {
        (_, Some(returned)) => Fate::Returned(returned),
        (Word::Acked, None) => Fate::Sent,
        (Word::Nacked, None) => Fate::Nacked,
        (Word::Lost(error), None) => Fate::Lost(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: &str) -> Mark {
        Mark {
            routing_key: "orders".to_owned(),
            message_id: name.to_owned(),
        }
    }

    fn return_of(name: &str) -> (Mark, ReplyCode) {
        (mark(name), 312)
    }

    /// Messages `a`, `b` and so on, numbered from 1.
    fn flying(count: u8) -> Flights<char> {
        let mut flights = Flights::default();
        for name in (b'a'..).take(count.into()).map(char::from) {
            flights.start(mark(&name.to_string()), name);
        }
        flights
    }

    /// What is decided: the names of those sent, and of those returned.
    fn decided(flights: &mut Flights<char>) -> (String, String) {
        let (mut sent, mut returned) = (String::new(), String::new());
        for (name, fate) in flights.decided() {
            match fate {
                Fate::Sent => sent.push(name),
                Fate::Returned(_) => returned.push(name),
                fate => panic!("{name}: {fate:?}"),
            }
        }
        (sent, returned)
    }

    fn words(sent: &str, returned: &str) -> (String, String) {
        (sent.to_owned(), returned.to_owned())
    }

    #[test]
    fn confirms_without_returns_are_decided_at_once() {
        let mut flights = flying(3);
        flights.landed(2, Word::Acked, None);
        assert_eq!(decided(&mut flights), words("b", ""));
        flights.landed(1, Word::Acked, None);
        flights.landed(3, Word::Acked, None);
        assert_eq!(decided(&mut flights), words("ac", ""));
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn a_return_that_comes_with_its_own_confirm_is_decided_at_once() {
        let mut flights = flying(2);
        flights.landed(1, Word::Acked, Some(return_of("a")));
        assert_eq!(decided(&mut flights), words("", "a"));
    }

    #[test]
    fn a_return_that_comes_with_anothers_confirm_is_still_its_own() {
        let mut flights = flying(3);
        flights.landed(1, Word::Acked, Some(return_of("b")));
        assert_eq!(decided(&mut flights), words("", ""), "another may follow");
        flights.landed(2, Word::Acked, None);
        assert_eq!(decided(&mut flights), words("a", "b"));
    }

    #[test]
    fn returns_that_change_places_are_both_found() {
        let mut flights = flying(3);
        flights.landed(2, Word::Acked, Some(return_of("a")));
        assert_eq!(decided(&mut flights), words("", ""));
        flights.landed(1, Word::Acked, Some(return_of("b")));
        assert_eq!(decided(&mut flights), words("", "ba"));
    }

    #[test]
    fn a_return_that_is_nobodys_is_never_lost() {
        let mut flights = flying(2);
        flights.landed(2, Word::Acked, Some(return_of("nobody")));
        assert_eq!(decided(&mut flights), words("", "b"));
    }

    #[test]
    fn with_nothing_left_unconfirmed_all_is_decided() {
        let mut flights = flying(3);
        flights.landed(1, Word::Acked, Some(return_of("b")));
        flights.landed(2, Word::Acked, Some(return_of("c")));
        assert_eq!(decided(&mut flights), words("", "b"));
        flights.landed(3, Word::Acked, Some(return_of("a")));
        assert_eq!(decided(&mut flights), words("", "ac"));
    }

    #[test]
    fn what_is_abandoned_is_lost_but_for_what_was_told_before() {
        let mut flights = flying(3);
        flights.landed(2, Word::Acked, Some(return_of("b")));
        flights.landed(3, Word::Acked, Some(return_of("a")));
        let error = lapin::ErrorKind::MissingHeartbeatError.into();
        let fates: Vec<_> = flights.abandon(&error).into_iter().collect();
        assert!(matches!(fates[0], ('b', Fate::Returned(312))));
        assert!(matches!(fates[1], ('c', Fate::Sent)));
        assert!(matches!(fates[2], ('a', Fate::Returned(312))));
        let mut flights = flying(1);
        let fates = flights.abandon(&error);
        assert!(matches!(fates[0], ('a', Fate::Lost(_))));
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn messages_that_look_the_same_share_their_returns() {
        let mut flights = Flights::default();
        for name in ['a', 'b'] {
            flights.start(mark("same"), name);
        }
        flights.landed(2, Word::Acked, Some(return_of("same")));
        flights.landed(1, Word::Acked, Some(return_of("same")));
        assert_eq!(decided(&mut flights), words("", "ba"));
    }
}
