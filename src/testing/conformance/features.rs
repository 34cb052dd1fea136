/// What a broker has; where it lacks something, the checks of it are left out and say so.
///
/// A fixture starts from [`Features::ALL`]:
///
/// ```
/// use tracehop::testing::conformance::Features;
///
/// const MINE: Features = Features { null_payloads: false, ..Features::ALL };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is had or lacked for itself"
)]
pub struct Features {
    /// The groups of messages are lanes.
    pub lanes: bool,
    /// A lane keeps its order also while its messages fail and its workers die.
    pub order_through_failures: bool,
    /// A lease can be taken away from its worker; see [`Fixture::revoke`](super::Fixture::revoke).
    pub revocable: bool,
    /// The broker says when it took a message in.
    pub enqueue_times: bool,
    /// Payloads of any bytes, none at all of them too.
    pub any_payload: bool,
    /// Messages without a payload.
    pub null_payloads: bool,
    /// Headers of integers, floats, booleans and times stay what they are.
    pub typed_headers: bool,
    /// Headers without a value.
    pub null_headers: bool,
    /// Several headers of one name, in order.
    pub repeated_headers: bool,
    /// Headers whose names are no text.
    pub any_header_name: bool,
    /// Content type, message id, correlation id, reply-to, priority and expiration.
    pub properties: bool,
}

impl Features {
    /// Everything.
    pub const ALL: Self = Self {
        lanes: true,
        order_through_failures: true,
        revocable: true,
        enqueue_times: true,
        any_payload: true,
        null_payloads: true,
        typed_headers: true,
        null_headers: true,
        repeated_headers: true,
        any_header_name: true,
        properties: true,
    };
}

/// Whether the broker has what a check is about. Where it lacks it, that is told.
#[expect(clippy::print_stdout, reason = "a check that is left out says so")]
pub(super) fn has(it: bool, what: &str) -> bool {
    if !it {
        println!("left out: the broker has no {what}");
    }
    it
}
