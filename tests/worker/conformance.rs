//! The suite that every broker runs, on the reference.

use crate::fixture::Memory;

tracehop::conformance_tests! {
    #[tokio::test(start_paused = true)]
    { Some(Memory::new()) }
}
