// An echo server on the Node.js library ws, to test clients against.
//
//     node_server.js [--cert PEM --key PEM] [--deflate]
//
// What it does and prints is told in python_server.py. The one difference: the last fragment after
// `!fragments N SIZE` is the Nth, as ws adds no empty one.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { parseArgs } = require("node:util");
const { WebSocketServer } = require("./ws.js");

const MAX_MESSAGE = 64 << 20;

const { values: options } = parseArgs({
  options: {
    cert: { type: "string" },
    key: { type: "string" },
    deflate: { type: "boolean", default: false },
  },
});

function obey(socket, order) {
  const [, name, first, rest] = /^(\S+) ?(\S*) ?(.*)$/s.exec(order);
  if (name === "!ping") {
    socket.once("pong", () => socket.send("pong received"));
    socket.ping("interop");
  } else if (name === "!fragments") {
    const count = Number(first);
    const size = Number(rest);
    const pattern = Buffer.alloc(size + 251, Uint8Array.from({ length: 251 }, (_, i) => i));
    for (let n = 0; n < count; n++) {
      const start = (n * size) % 251;
      socket.send(pattern.subarray(start, start + size), { fin: n === count - 1 });
    }
  } else if (name === "!close") {
    socket.close(Number(first), rest);
  } else {
    socket.close(1008, `unknown order ${name}`);
  }
}

const tls = options.cert !== undefined;
const server = tls
  ? https.createServer({ cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) })
  : http.createServer();

const sockets = new WebSocketServer({
  server,
  perMessageDeflate: options.deflate,
  maxPayload: MAX_MESSAGE,
  handleProtocols: (offered) => (offered.has("chat.v2") ? "chat.v2" : false),
});

sockets.on("connection", (socket) => {
  let error = null;
  socket.on("message", (data, isBinary) => {
    if (!isBinary && data[0] === "!".charCodeAt(0)) {
      obey(socket, data.toString());
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
  socket.on("error", (event) => {
    error = event.message;
  });
  socket.on("close", (code, reason) => {
    if (code === 1006) error ??= "no Close frame received";
    const text = JSON.stringify(reason.toString());
    console.log(`{"closed": [${code}, ${text}], "error": ${JSON.stringify(error)}}`);
  });
});

// Lets every connection end, and the process with the last one.
function stop() {
  server.close();
  for (const socket of sockets.clients) socket.close(1001);
  process.stdin.destroy();
  const cut = () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
  };
  setTimeout(cut, 5000).unref();
}

process.once("SIGTERM", stop);
process.stdin.resume().once("end", stop);

server.listen(0, "127.0.0.1", () => {
  console.log(`listening on ${tls ? "wss" : "ws"}://127.0.0.1:${server.address().port}`);
});
