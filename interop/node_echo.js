// An echo peer using the Node.js library ws: a server for testing clients, or a client for testing servers.
//
//     node_echo.js [--cert PEM --key PEM]
//     node_echo.js --client
//
// python_echo.py describes what it does, accepts and prints. The only difference: the last fragment after
// `!fragments N SIZE` is the Nth, because ws does not add an empty one.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const readline = require("node:readline");
const { parseArgs } = require("node:util");
const { WebSocket, WebSocketServer } = require("./ws.js");

const MAX_MESSAGE = 64 << 20;
const HEADER = "sec-websocket-extensions";

const { values: options } = parseArgs({
  options: {
    client: { type: "boolean", default: false },
    cert: { type: "string" },
    key: { type: "string" },
  },
});

// The library's options for these settings.
function perMessageDeflate(settings) {
  const given = new URLSearchParams(settings);
  if (!given.has("deflate")) return false;
  const number = (name) => {
    const value = given.get(name) ?? undefined;
    return value === "no" ? false : value && Number(value);
  };
  return {
    serverNoContextTakeover: given.has("server_no_context_takeover") || undefined,
    clientNoContextTakeover: given.has("client_no_context_takeover") || undefined,
    serverMaxWindowBits: number("server_max_window_bits"),
    clientMaxWindowBits: number("client_max_window_bits"),
    threshold: number("threshold"),
    zlibDeflateOptions: { level: number("level") },
  };
}

function obey(socket, headers, order) {
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
      if (n === 0) socket.ping();
    }
  } else if (name === "!extensions") {
    socket.send(headers.join("\n"));
  } else if (name === "!close") {
    socket.close(Number(first), rest);
  } else {
    socket.close(1008, `unknown order ${name}`);
  }
}

function report(code, reason, error) {
  console.log(`{"closed": [${code}, ${JSON.stringify(reason)}], "error": ${JSON.stringify(error)}}`);
}

// `headers` are what `!extensions` sends.
function handle(socket, headers, ended) {
  let error = null;
  socket.on("message", (data, isBinary) => {
    if (!isBinary && data[0] === "!".charCodeAt(0)) {
      obey(socket, headers, data.toString());
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
  socket.on("error", (event) => {
    error = event.message;
  });
  socket.on("close", (code, reason) => {
    if (code === 1006) error ??= "no Close frame received";
    report(code, reason.toString(), error);
    ended?.();
  });
}

function beServer() {
  const tls = options.cert !== undefined;
  const server = tls
    ? https.createServer({ cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) })
    : http.createServer();
  const open = new Set();

  // The URL of a connection decides about its compression.
  server.on("upgrade", (request, stream, head) => {
    const sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: perMessageDeflate(new URL(request.url, "ws://localhost").search),
      maxPayload: MAX_MESSAGE,
      handleProtocols: (offered) => (offered.has("chat.v2") ? "chat.v2" : false),
    });
    const headers = [request.headers[HEADER] ?? "", ""];
    sockets.on("headers", (lines) => {
      const line = lines.find((line) => line.toLowerCase().startsWith(`${HEADER}: `));
      if (line !== undefined) headers[1] = line.slice(HEADER.length + 2);
    });
    sockets.handleUpgrade(request, stream, head, (socket) => {
      open.add(socket);
      handle(socket, headers, () => open.delete(socket));
    });
  });

  // Lets every connection end, and then the process.
  function stop() {
    server.close();
    for (const socket of open) socket.close(1001);
    process.stdin.destroy();
    const cut = () => {
      for (const socket of open) socket.terminate();
      server.closeAllConnections();
    };
    setTimeout(cut, 5000).unref();
  }

  process.once("SIGTERM", stop);
  process.stdin.resume().once("end", stop);

  server.listen(0, "127.0.0.1", () => {
    console.log(`listening on ${tls ? "wss" : "ws"}://127.0.0.1:${server.address().port}`);
  });
}

async function beClient() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [url, settings] = line.split(" ");
    const headers = ["", ""];
    const socket = new WebSocket(url, [], {
      perMessageDeflate: perMessageDeflate(settings),
      maxPayload: MAX_MESSAGE,
      finishRequest: (request) => {
        headers[0] = request.getHeader(HEADER) ?? "";
        request.end();
      },
    });
    socket.on("upgrade", (answer) => {
      headers[1] = answer.headers[HEADER] ?? "";
    });
    await new Promise((ended) => handle(socket, headers, ended));
  }
}

if (options.client) {
  beClient();
} else {
  beServer();
}
