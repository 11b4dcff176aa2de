// The library ws, from where interop/setup has installed it.
"use strict";

const path = require("node:path");

const root = path.dirname(__dirname);
const target = path.resolve(root, process.env.CARGO_TARGET_DIR || "target");
const place = path.join(target, "interop", "node_modules", "ws");

try {
  module.exports = require(place);
} catch {
  console.error(`${place} cannot be loaded: run interop/setup`);
  process.exit(1);
}
