// What the peers share that write and read headers: the commands that ../../check/headers.py gives.
// A peer is one file and calls main().
"use strict";

const fs = require("node:fs");
const { version } = require("../version");

// All sides read these alike.
const BAGGAGE = { tenant: "acme", share: "100%,41", token: "YWJj==", city: "Zürich West", sum: "1+1" };

// A format is the package to name as `library`; our name of it as in OTEL_PROPAGATORS as `formats`;
// write(sampled, bits), which answers a context and its headers; read(headers), which answers a context;
// `decisions`, those that it can carry: null is left to the receiver; and `shortIds`, whether it has
// trace ids of 64 bits.
function main(...formats) {
  if (process.argv[2] === "write") {
    formats.forEach(({ library, formats, decisions = [true, false], shortIds, write }, number) => {
      const cases = decisions.map((sampled) => [sampled, 128]);
      if (shortIds) cases.push([true, 64]);
      for (const values of cases) {
        show({ peer: `${library} ${version(library)}`, number, formats, ...write(...values) });
      }
    });
  } else if (process.argv[2] === "read") {
    for (const line of fs.readFileSync(0, "utf8").trim().split("\n")) {
      const { number, headers } = JSON.parse(line);
      show({ context: formats[number].read(headers) });
    }
  }
}

function show(line) {
  fs.writeSync(1, `${JSON.stringify(line)}\n`);
}

module.exports = { BAGGAGE, main };
