// Datadog's tracer, with its own format alone, and with nothing that it does beside tracing.
"use strict";

Object.assign(process.env, {
  DD_TRACE_PROPAGATION_STYLE: "datadog",
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: "false",
  DD_REMOTE_CONFIGURATION_ENABLED: "false",
  DD_TRACE_STARTUP_LOGS: "false",
});

module.exports = require("dd-trace").init();
