//! Numbers that are too large for what they stand for.

use crate::{any_input::FIELDS, extremes::read_within};

/// One digit, one bit or one power too many, in every place where a number stands.
#[test]
fn numbers_that_overflow_are_malformed_and_hide_no_other_format() {
    let huge = "9".repeat(400);
    let over = "18446744073709551616";
    let ids = |trace_id: &str, parent_id: &str| {
        format!(r#"{{"x-datadog-trace-id":{trace_id},"x-datadog-parent-id":{parent_id}}}"#)
    };
    for (format, field, value) in [
        (
            "tracecontext",
            "traceparent",
            format!("00-{huge}-00f067aa0ba902b7-01"),
        ),
        (
            "tracecontext",
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-101".to_owned(),
        ),
        ("b3", "b3", format!("{huge}-00f067aa0ba902b7-1")),
        (
            "b3",
            "b3",
            "4bf92f3577b34da6a3ce929d0e0e4736-100f067aa0ba902b7-1".to_owned(),
        ),
        ("jaeger", "uber-trace-id", "1:1:0:100".to_owned()),
        ("jaeger", "uber-trace-id", format!("{huge}:1:0:1")),
        (
            "xray",
            "x-amzn-trace-id",
            format!("Root=1-{huge}-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7"),
        ),
        (
            "xray",
            "x-amzn-trace-id",
            format!("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent={huge}"),
        ),
        (
            "xray",
            "x-amzn-trace-id",
            format!(
                "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled={huge}"
            ),
        ),
        (
            "gcp",
            "x-cloud-trace-context",
            format!("4bf92f3577b34da6a3ce929d0e0e4736/{over};o=1"),
        ),
        (
            "gcp",
            "x-cloud-trace-context",
            format!("4bf92f3577b34da6a3ce929d0e0e4736/1;o={over}"),
        ),
        (
            "sentry",
            "sentry-trace",
            format!("{huge}-00f067aa0ba902b7-1"),
        ),
        (
            "sentry",
            "sentry-trace",
            "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-11".to_owned(),
        ),
        ("datadog", "_datadog", ids(&format!("\"{over}\""), "1")),
        ("datadog", "_datadog", ids("1", &format!("\"{huge}\""))),
        ("datadog", "_datadog", ids("-1", "1")),
    ] {
        let other = if format == "gcp" { "sentry" } else { "gcp" };
        let valid = FIELDS.iter().find(|(field, _)| {
            *field
                == if format == "gcp" {
                    "sentry-trace"
                } else {
                    "x-cloud-trace-context"
                }
        });
        let extracted = read_within(
            &format!("{format},{other}"),
            &[(field, &value), *valid.unwrap()],
        );
        assert_eq!(extracted.malformed, [format], "{field}: {value:.60}");
        assert_eq!(extracted.format, Some(other), "{field}: {value:.60}");
    }
    // JSON has numbers without bounds; one that is no id is no field.
    for number in [over, huge.as_str(), "1e400", "1.5"] {
        let extracted = read_within("datadog", &[("_datadog", &ids(number, "1"))]);
        assert_eq!(extracted.format, None, "{number:.60}");
    }
}
