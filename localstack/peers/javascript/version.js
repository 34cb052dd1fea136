"use strict";

const fs = require("node:fs");
const path = require("node:path");

// Not every package exports its package.json.
function version(library) {
  const file = path.join(process.env.NODE_PATH, library, "package.json");
  return JSON.parse(fs.readFileSync(file, "utf8")).version;
}

module.exports = { version };
