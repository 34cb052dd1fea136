//! The pipeline of `setup::init`, each case in a process of its own: variables and globals belong
//! to the process.
#![cfg(feature = "setup")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::process::{Command, Output};

use collector::{CERTIFICATE, http_server, https_server};
use otlp::{OtlpReceiver, attribute};

mod collector;
mod in_a_process;
#[path = "../common/otlp.rs"]
mod otlp;

/// Runs the test of that name, with these variables and no others of `OTEL_*` and `SSL_*`.
fn run(name: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = format!("in_a_process::{name}");
    command.args(["--exact", &test, "--ignored", "--nocapture"]);
    let ours = |name: &String| name.starts_with("OTEL_") || name.starts_with("SSL_");
    for name in std::env::vars().map(|(name, _)| name).filter(ours) {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

fn succeeded(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && text.contains("1 passed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn spans_go_out_over_grpc_with_the_resource() {
    let receiver = OtlpReceiver::start().await;
    let endpoint = receiver.variables();
    let output = tokio::task::spawn_blocking(move || {
        let endpoint = endpoint.iter().map(|(name, value)| (*name, value.as_str()));
        let mut variables: Vec<_> = endpoint.collect();
        variables.extend([
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_SERVICE_NAME", "shop"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            ),
        ]);
        run("send_and_shut_down", &variables)
    });
    let output = output.await.unwrap();
    assert!(succeeded(&output), "{output:?}");
    let spans = receiver.spans();
    let [arrived] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!(arrived.span.name, "send orders");
    assert_eq!(arrived.service(), "shop");
    let environment = attribute(&arrived.resource.attributes, "deployment.environment.name");
    assert_eq!(environment.as_deref(), Some("test"));
}

#[test]
fn spans_and_metrics_go_out_over_http_by_default_with_tls_or_without() {
    for (endpoint, received) in [http_server(), https_server()] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("SSL_CERT_FILE", CERTIFICATE),
        ];
        let output = run("send_and_shut_down", &variables);
        assert!(succeeded(&output), "{output:?}");
        let requests = received.lock().unwrap();
        let of = |path: &str| {
            let found = requests.iter().filter(|request| request.contains(path));
            found.count()
        };
        assert_eq!(
            (of("post /v1/traces"), of("post /v1/metrics")),
            (1, 1),
            "{requests:?}"
        );
        let all = requests.concat();
        for expected in [
            "send orders",
            "messaging.client.sent.messages",
            "tracehop.setup.spans_dropped",
        ] {
            assert!(all.contains(expected), "{expected}");
        }
        assert!(!all.contains("tracehop.probe"));
    }
}

#[test]
fn the_sampler_is_the_one_that_is_named() {
    for (sampler, count) in [("always_on", 1), ("always_off", 0)] {
        let (endpoint, received) = http_server();
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_TRACES_SAMPLER", sampler),
        ];
        let output = run("send_and_shut_down", &variables);
        assert!(succeeded(&output), "{output:?}");
        assert_eq!(received.lock().unwrap().len(), count, "{sampler}");
    }
}

#[test]
fn a_sampled_link_counts_around_the_named_sampler_where_that_is_asked_for() {
    let samplers = [
        ("always_off", "1"),
        ("traceidratio", "0"),
        ("parentbased_always_off", "1"),
        ("parentbased_traceidratio", "0"),
    ];
    for (linked, count) in [("true", 1), ("false", 0)] {
        for (sampler, argument) in samplers {
            let (endpoint, received) = http_server();
            let variables = [
                ("LINKED_SAMPLER", linked),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_METRICS_EXPORTER", "none"),
                ("OTEL_TRACES_SAMPLER", sampler),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
            ];
            let output = run("handle_a_batch_with_a_sampled_message", &variables);
            assert!(succeeded(&output), "{output:?}");
            let requests = received.lock().unwrap();
            assert_eq!(requests.len(), count, "{sampler}, {linked}");
            assert!(requests.iter().all(|it| it.contains("process orders")));
        }
    }
}

#[test]
fn trace_ids_begin_with_the_time_where_that_is_asked_for() {
    let (endpoint, _) = http_server();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let output = run("begin_trace_ids_with_the_time", &variables);
    assert!(succeeded(&output), "{output:?}");
}

#[test]
fn nothing_goes_to_a_server_that_nobody_vouches_for() {
    let (endpoint, received) = https_server();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("SSL_CERT_FILE", "tests/tls/other.pem"),
    ];
    let output = run("send_to_nobody", &variables);
    assert!(succeeded(&output), "{output:?}");
    assert!(received.lock().unwrap().is_empty());
}

#[test]
fn spans_that_nobody_takes_are_counted() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let output = run("send_to_nobody", &variables);
    assert!(succeeded(&output), "{output:?}");
}

#[test]
fn spans_that_find_no_room_are_counted() {
    let (endpoint, _) = http_server();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "16"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let output = run("overrun_the_queue", &variables);
    assert!(succeeded(&output), "{output:?}");
}

#[test]
fn a_disabled_sdk_exports_nothing_and_leaves_the_propagators() {
    let none = [
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    for variables in [&[("OTEL_SDK_DISABLED", "true")][..], &none] {
        let variables = [variables, &[("OTEL_PROPAGATORS", "xray")]].concat();
        let output = run("nothing_is_exported_and_context_passes", &variables);
        assert!(succeeded(&output), "{output:?}");
    }
}

#[test]
fn what_cannot_be_set_up_is_an_error_without_the_endpoint() {
    let no_url = ("ht tp://secret", "OTEL_EXPORTER_OTLP_");
    let no_roots = ("https://user:secret@collector", "root certificates");
    for (endpoint, expected) in [no_url, no_roots] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("SSL_CERT_FILE", "tests/tls/none.pem"),
            ("EXPECTED", expected),
        ];
        let output = run("setting_up_fails", &variables);
        assert!(succeeded(&output), "{endpoint}: {output:?}");
    }
}
