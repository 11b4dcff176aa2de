// Holds a fixed conversation with an echo server through the Node.js library ws.
//
//     node_client.js URL [--cafile PEM] [--subprotocol NAME] [--deflate]
//
// Prints a line for each successful step and exits with 0; the first failure is reported on standard error,
// with what was expected and what was received, and the exit status is 1.
"use strict";

const { once } = require("node:events");
const fs = require("node:fs");
const { setTimeout: delay } = require("node:timers/promises");
const { parseArgs } = require("node:util");
const { WebSocket } = require("./ws.js");

const MAX_MESSAGE = 64 << 20;
const STEP_LIMIT = 60_000; // milliseconds
const UNIT = "aé€😀";
const MIXED = UNIT.repeat(104_857) + "123456"; // 1 MiB as UTF-8

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cafile: { type: "string" },
    subprotocol: { type: "string" },
    deflate: { type: "boolean", default: false },
  },
});

function pattern(size) {
  return Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, i) => i));
}

function describe(value) {
  if (typeof value === "string") return `text of ${value.length}: ${JSON.stringify(value.slice(0, 40))}`;
  if (Buffer.isBuffer(value)) return `binary of ${value.length}: ${value.toString("hex", 0, 40)}`;
  return `${value}`;
}

function expect(want, got) {
  const both = Buffer.isBuffer(want) && Buffer.isBuffer(got);
  if (both ? want.equals(got) : want === got) return;
  const place = both ? ` (different from byte ${want.findIndex((byte, i) => byte !== got[i])} on)` : "";
  throw new Error(`expected ${describe(want)}, got ${describe(got)}${place}`);
}

// The values of the next event of this name; fails if the connection does, or if it does not come in time.
async function next(socket, name) {
  const settled = new AbortController();
  const { signal } = settled;
  const fail = (message) => {
    throw new Error(message);
  };
  const events = [
    once(socket, name, { signal }),
    delay(STEP_LIMIT, null, { signal }).then(() => fail(`no ${name} came in time`)),
  ];
  if (name !== "close") {
    const closed = once(socket, "close", { signal });
    events.push(closed.then(([code]) => fail(`closed with ${code} before a ${name} came`)));
  }
  try {
    return await Promise.race(events);
  } finally {
    settled.abort();
  }
}

async function echo(socket, want, send) {
  const answer = next(socket, "message");
  send();
  const [data, isBinary] = await answer;
  expect(want, isBinary ? data : data.toString());
}

function whole(message) {
  return [message, (socket) => socket.send(message)];
}

// Sends the parts, all of them bytes, as the fragments of one message.
function fragmented(message, parts) {
  const binary = Buffer.isBuffer(message);
  return [
    message,
    (socket) => parts.forEach((part, n) => socket.send(part, { binary, fin: n === parts.length - 1 })),
  ];
}

const splitText = Buffer.from(`one ${UNIT} two`);
const steps = {
  text: whole("hello, wörld"),
  binary: whole(Buffer.from([0, 1, 254, 255])),
  "empty text": whole(""),
  "empty binary": whole(Buffer.alloc(0)),
  "binary of 125": whole(pattern(125)),
  "binary of 126": whole(pattern(126)),
  "binary of 65535": whole(pattern(65535)),
  "binary of 65536": whole(pattern(65536)),
  "binary of 16 MiB": whole(pattern(16 << 20)),
  "text of 1 MiB": whole(MIXED),
  // Every byte is a fragment, so every multi-byte character is split.
  "text in fragments": fragmented(
    splitText.toString(),
    Array.from(splitText, (byte) => Buffer.from([byte])),
  ),
  "binary in fragments": fragmented(
    Buffer.concat(Array(100).fill(pattern(1000))),
    Array(100).fill(pattern(1000)),
  ),
};

async function converse(step) {
  step("opening");
  const socket = new WebSocket(positionals[0], options.subprotocol ? [options.subprotocol] : [], {
    ca: options.cafile && fs.readFileSync(options.cafile),
    perMessageDeflate: options.deflate,
    maxPayload: MAX_MESSAGE,
  });
  await next(socket, "open");
  expect(options.subprotocol ?? "", socket.protocol);
  expect(options.deflate ? "permessage-deflate" : "", socket.extensions);

  for (const [name, [message, send]] of Object.entries(steps)) {
    step(name);
    await echo(socket, message, () => send(socket));
  }

  step("ping");
  const pong = next(socket, "pong");
  socket.ping("are you there?");
  expect("are you there?", (await pong)[0].toString());

  step("close");
  const closed = next(socket, "close");
  socket.close(4001, "bye €");
  expect(4001, (await closed)[0]);
  step(null);
}

let current = null;

// Reports that the previous step succeeded and another one begins.
function step(name) {
  if (current !== null) console.log(`ok: ${current}`);
  current = name;
}

converse(step).then(
  () => process.exit(0),
  (error) => {
    console.error(`FAILED: ${current}: ${error.message}`);
    process.exit(1);
  },
);
