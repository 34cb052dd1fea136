//! Datadog's priorities, which say more than a sampled bit.

use tracehop_propagation::Composite;

use crate::{
    inject,
    sampling::{TRACE, read},
};

#[test]
fn datadogs_own_priorities_survive_every_hop_that_keeps_tracestate() {
    for (priority, state) in [("2", "dd=s:2"), ("-1", "dd=s:-1")] {
        let fields = [
            ("x-datadog-trace-id", "1".to_owned()),
            ("x-datadog-parent-id", "2".to_owned()),
            ("x-datadog-sampling-priority", priority.to_owned()),
        ];
        let hop = inject(
            &Composite::from_names("tracecontext"),
            &read("datadog", &fields),
        );
        assert_eq!(hop["tracestate"], state);
        let hop: Vec<_> = hop
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        let back = inject(
            &Composite::from_names("datadog"),
            &read("tracecontext", &hop),
        );
        assert_eq!(back["x-datadog-sampling-priority"], priority);
    }
}

#[test]
fn a_priority_that_the_sampled_bit_contradicts_gives_way_with_its_decision_maker() {
    for (flags, state, priority) in [
        ("01", "s:-1", "1"),
        ("01", "s:2", "2"),
        ("00", "s:2", "0"),
        ("00", "s:-1", "-1"),
    ] {
        let cx = read(
            "tracecontext",
            &[
                (
                    "traceparent",
                    format!("00-{TRACE:032x}-00f067aa0ba902b7-{flags}"),
                ),
                ("tracestate", format!("dd={state};t.dm:-4;t.x:1")),
            ],
        );
        let sent = inject(&Composite::from_names("datadog"), &cx);
        assert_eq!(sent["x-datadog-sampling-priority"], priority);
        let kept = state == format!("s:{priority}");
        let tags = if kept {
            ",_dd.p.dm=-4,_dd.p.x=1"
        } else {
            ",_dd.p.x=1"
        };
        assert_eq!(
            sent["x-datadog-tags"],
            format!("_dd.p.tid=4bf92f3577b34da6{tags}")
        );
    }
}
