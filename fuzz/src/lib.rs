//! What holds for every input of the parsers, whatever its bytes. A claim that fails is a panic,
//! and so a find.

mod headers;
mod round_trip;

pub use headers::Headers;
pub use round_trip::{assert_sound, one_format, round_trip};
