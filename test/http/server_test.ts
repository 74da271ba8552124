import assert from "node:assert/strict";
import { createActivity } from "../../src/http/activity.ts";
import { startServer } from "../../src/http/server.ts";
import { fixture } from "../support/program.ts";
import { nextTurn } from "../support/turn.ts";

const pem = (name: string) => Deno.readTextFileSync(fixture(`tls/${name}.pem`));
const first = { cert: pem("cert"), key: pem("key") };
const second = { cert: pem("self_signed"), key: pem("self_signed_key") };
const weak = { cert: pem("weak"), key: pem("weak_key") };

/** A TLS server that answers when the test says so, and reads bodies as the program does. */
function serve({ tls }: { readonly tls: typeof first | undefined } = { tls: first }) {
  const uploads = createActivity();
  const arrived = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const acceptErrors: string[] = [];
  const server = startServer(async (request) => {
    if (request.url.endsWith("/quick")) return new Response("quick");
    if (!request.body) {
      arrived.resolve();
      await mayAnswer.promise;
      return new Response("late");
    }
    const endUpload = uploads.begin();
    arrived.resolve();
    try {
      return new Response(await request.text());
    } finally {
      endUpload();
    }
  }, {
    address: "127.0.0.1",
    port: 0,
    tls,
    uploads,
    onAcceptFailed: (error) => void acceptErrors.push(String(error)),
    onAnswerFailed: (error) => assert.fail(String(error)),
  });
  const port = Number(new URL(server.url).port);
  return {
    server,
    uploads,
    arrived: arrived.promise,
    answer: mayAnswer.resolve,
    acceptErrors,
    connect: () => connect(port),
    /** The certificate of a new connection. */
    async certificate(): Promise<"first" | "second"> {
      try {
        (await connect(port)).close();
        return "first";
      } catch (error) {
        assert.match(String(error), /certificate/);
        return "second";
      }
    },
  };
}

/** A connection that the client only makes if it gets the first certificate. */
async function connect(port: number): Promise<Deno.TlsConn> {
  const connection = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [pem("ca")],
    alpnProtocols: ["http/1.1"],
  });
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

const encoder = new TextEncoder();

async function send(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Reads until the text has come. */
async function received(connection: Deno.Conn, text: string): Promise<void> {
  const decoder = new TextDecoder();
  const piece = new Uint8Array(1000);
  for (let all = ""; !all.endsWith(text);) {
    const length = await connection.read(piece);
    assert.ok(length !== null, `the connection ended after ${JSON.stringify(all)}`);
    all += decoder.decode(piece.subarray(0, length));
  }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

Deno.test("setTls() gives later connections the new certificate, and answers the request in flight", async () => {
  const { server, arrived, answer, connect, certificate } = serve();
  using connection = await connect();
  await send(connection, get("/late"));
  await arrived;
  await server.setTls(second);
  assert.equal(await certificate(), "second");
  await server.setTls(first);
  assert.equal(await certificate(), "first");
  answer();
  await received(connection, "\r\n\r\nlate");
  await server.stop();
});

Deno.test("setTls() waits until no upload is in progress, and breaks none", async () => {
  const { server, arrived, connect, certificate } = serve();
  using connection = await connect();
  const head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n";
  await send(connection, `${head}01234`);
  await arrived;
  const swapped = server.setTls(second);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  assert.equal(await certificate(), "first");
  await send(connection, "56789");
  await received(connection, "\r\n\r\n0123456789");
  await swapped;
  assert.equal(await certificate(), "second");
  await server.stop();
});

Deno.test("setTls() refuses what is not a pair, and leaves the socket and its connections alone", async () => {
  const { server, acceptErrors, connect, certificate } = serve();
  using connection = await connect();
  for (
    const wrong of [
      { cert: second.cert, key: first.key },
      { cert: "none", key: first.key },
      { cert: first.cert, key: "none" },
    ]
  ) {
    assert.throws(() => server.setTls(wrong));
    await send(connection, get("/quick"));
    await received(connection, "\r\n\r\nquick");
    assert.equal(await certificate(), "first");
  }
  assert.deepEqual(acceptErrors, []);
  await server.stop();
});

Deno.test("setTls() goes back to the previous certificate if the runtime refuses the new one", async () => {
  const { server, arrived, answer, acceptErrors, connect, certificate } = serve();
  using connection = await connect();
  await send(connection, get("/late"));
  await arrived;
  await assert.rejects(server.setTls(weak));
  assert.equal(acceptErrors.length, 1);
  assert.equal(await certificate(), "first");
  answer();
  await received(connection, "\r\n\r\nlate");
  await server.setTls(second);
  assert.equal(await certificate(), "second");
  await server.stop();
});

Deno.test("setTls() throws without TLS", async () => {
  const { server } = serve({ tls: undefined });
  assert.throws(() => server.setTls(first), /TLS is off/);
  assert.equal(await (await fetch(`${server.url}/quick`)).text(), "quick");
  await server.stop();
});

Deno.test("setTls() called several times at once ends with the last pair", async () => {
  const { server, certificate } = serve();
  const swaps = [second, first, second, first, second].map((pair) => server.setTls(pair));
  assert.throws(() => server.setTls({ cert: "none", key: "none" }));
  await Promise.all(swaps);
  assert.equal(await certificate(), "second");
  await server.stop();
});

Deno.test("stop() waits for requests that began under an earlier certificate, and ends a swap that waits", async () => {
  const { server, uploads, arrived, answer, connect } = serve();
  using connection = await connect();
  await send(connection, get("/late"));
  await arrived;
  await server.setTls(second);
  const endUpload = uploads.begin();
  const waiting = server.setTls(first);
  let hasStopped = false;
  const stopped = server.stop().then(() => hasStopped = true);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  assert.equal(hasStopped, false);
  answer();
  await received(connection, "\r\n\r\nlate");
  await stopped;
  endUpload();
  await waiting;
  await assert.rejects(connect());
});

Deno.test("setTls() changes nothing if the sandbox granted only port 0, which the system replaced", async () => {
  const module = new URL("../../src/http/server.ts", import.meta.url).href;
  const code = `import { startServer } from ${JSON.stringify(module)};
    onmessage = async ({ data: { first, second } }) => {
      const server = startServer(() => new Response("here"), {
        address: "127.0.0.1",
        port: 0,
        tls: first,
        uploads: { active: 0, idle: async () => {} },
        onAcceptFailed: (error) => postMessage(String(error)),
        onAnswerFailed() {},
      });
      let outcome = "done";
      try { await server.setTls(second); } catch (error) { outcome = error.name; }
      postMessage([outcome, server.url]);
    };`;
  const permissions: Deno.PermissionOptions = { net: ["127.0.0.1:0"] };
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, {
    type: "module",
    deno: { permissions },
  });
  const answered = new Promise<[string, string]>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  });
  worker.postMessage({ first, second });
  const [outcome, url] = await answered;
  assert.equal(outcome, "NotCapable");
  using client = Deno.createHttpClient({ caCerts: [pem("ca")] });
  const answer = await fetch(url.replace("127.0.0.1", "localhost"), { client });
  assert.equal(await answer.text(), "here");
  worker.terminate();
});
