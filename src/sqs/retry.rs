use std::time::Duration;

const BASE: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(20);

/// How long to wait before try `tries` + 1 of something that failed: exponential from 100 ms to
/// 20 s, the second half of it by chance, so that those who failed together do not come together.
pub(super) fn backoff(tries: u32) -> Duration {
    let full = BASE
        .saturating_mul(1 << tries.saturating_sub(1).min(16))
        .min(CAP);
    full.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_from_the_base_to_the_cap() {
        for _ in 0..100 {
            assert!(backoff(1) >= BASE / 2 && backoff(1) <= BASE);
            assert!(backoff(3) >= BASE * 2 && backoff(3) <= BASE * 4);
            assert!(backoff(u32::MAX) >= CAP / 2 && backoff(u32::MAX) <= CAP);
        }
    }
}
