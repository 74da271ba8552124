/**
 * `POST /run` as curl uses it: bodies of all kinds in, bytes out, live output, and connections that break.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { curl, startCurl, textOf } from "../support/curl.ts";
import { eventsIn } from "../support/live_events.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh") };
const copy = { JOBRUNNER_CMD: fixture("copy_payload.sh") };

const mebibyte = 2 ** 20;

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

function randomText(length: number): string {
  return randomBytes(length / 2).toHex();
}

/** Writes a file into the folder and returns its path. */
function written(folder: string, name: string, content: string | Uint8Array): string {
  const path = `${folder}/${name}`;
  if (typeof content === "string") Deno.writeTextFileSync(path, content);
  else Deno.writeFileSync(path, content);
  return path;
}

/** A server whose one worker is busy until it is stopped, and whose queue has no place. */
async function startFullServer(folder: string): Promise<Program> {
  const program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      HOLD_RELEASE: `${folder}/release`,
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: "0",
      JOBRUNNER_DRAIN_TIMEOUT_SEC: "0",
    },
  });
  post(program.url, "held", { id: "held" }).catch(() => {});
  await fileExists(`${folder}/started_held`);
  return program;
}

for (
  const [how, args] of [
    ["-T file", (file: string) => ["-X", "POST", "-T", file]],
    ["--data-binary @file", (file: string) => ["--data-binary", `@${file}`]],
    ["--compressed", (file: string) => ["--compressed", "--data-binary", `@${file}`]],
    ["--limit-rate", (file: string) => ["--limit-rate", "4M", "--data-binary", `@${file}`]],
  ] as const
) {
  Deno.test(`curl ${how} sends bytes and gets the response file, byte for byte`, async () => {
    using folder = temporaryFolder();
    await using program = await startProgram({ env: copy });
    const bytes = randomBytes(4 * mebibyte + 1);
    const file = written(folder.path, "payload", bytes);
    const answer = `${folder.path}/answer`;
    const { code, status, log } = await curl([...args(file), "-o", answer, `${program.url}/run`]);
    assert.deepEqual([code, status], [0, 200], log);
    assert.deepEqual(Deno.readFileSync(answer), bytes);
  });
}

Deno.test("curl -T - sends up to 8 MiB without a length, and gets 411 beyond", async () => {
  await using program = await startProgram({ env: shell });
  const script = new TextEncoder().encode('stat -c %s "$JOBRUNNER_REQUEST_DATA_FN"; exit\n');
  for (const [length, wanted] of [[8, 200], [9, 411], [32, 411]] as const) {
    const body = new Uint8Array(length * mebibyte);
    body.set(script);
    const { code, status, text } = await curl(
      ["-X", "POST", "-T", "-", `${program.url}/run`],
      body,
    );
    assert.deepEqual([code, status], [0, wanted], text);
    assert.match(text, wanted === 200 ? /^8388608\n$/ : /send a Content-Length$/m);
  }
  assert.equal((await post(program.url, "echo served")).output, "served\n");
});

Deno.test("curl --http2 sends a large body without a length over TLS", async () => {
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
    },
  });
  const body = randomBytes(32 * mebibyte);
  body.set(new TextEncoder().encode('stat -c %s "$JOBRUNNER_REQUEST_DATA_FN"; exit\n'));
  const url = `https://localhost:${new URL(program.url).port}/run`;
  const { code, status, text, log } = await curl(
    ["--http2", "--cacert", fixture("tls/ca.pem"), "-X", "POST", "-T", "-", url],
    body,
  );
  assert.deepEqual([code, status, text], [0, 200, `${body.length}\n`], log);
  assert.match(log, /"http_version":"2"/);
});

Deno.test("curl -F sends files and fields, which the command gets as files and a list", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: shell });
  const first = 'cd "$JOBRUNNER_REQUEST_DIR"; cat parts.json 001 002; exit\n';
  const second = randomText(2 * mebibyte);
  const { status, text, log } = await curl([
    ...["-F", `a=@${written(folder.path, "x.sh", first)}`],
    ...["-F", `b=@${written(folder.path, "y", second)};type=image/png;filename=ä.png`],
    ...["-F", "c=text of a field"],
    `${program.url}/run`,
  ]);
  assert.equal(status, 200, log);
  assert.ok(text.endsWith(`]${first}${second}`));
  const content_type = "application/octet-stream";
  assert.deepEqual(JSON.parse(text.slice(0, -first.length - second.length)), [
    { name: "a", filename: "x.sh", content_type, bytes: first.length, file: "001" },
    { name: "b", filename: "ä.png", content_type: "image/png", bytes: second.length, file: "002" },
    { name: "c", value: "text of a field" },
  ]);
});

Deno.test("curl gets 503 from a full queue before it has sent a large body", async () => {
  using folder = temporaryFolder();
  await using program = await startFullServer(folder.path);
  const file = written(folder.path, "payload", new Uint8Array(64 * mebibyte));
  const { code, status, uploaded, text } = await curl(
    ["-X", "POST", "-T", file, "-H", "Expect: 100-continue", `${program.url}/run`],
  );
  assert.deepEqual([code, status, text], [0, 503, "job queue too large (0)\n"]);
  // From 2.8.3 on the runtime itself asks for the body at once: then sockets take the beginning of it.
  const asksAtOnce = !/^2\.(7\.|8\.[0-2]$)/.test(Deno.version.deno);
  assert.ok(uploaded <= (asksAtOnce ? 16 * mebibyte : 0), `${uploaded}`);
});

for (const accept of ["text/event-stream", "application/x-ndjson"]) {
  Deno.test(`curl -N gets each event of ${accept} before the next happens`, async () => {
    using folder = temporaryFolder();
    await using program = await startProgram({ env: { ...shell, FOLDER: folder.path } });
    const script = written(
      folder.path,
      "script",
      `wait() { until [ -e "$FOLDER/$1" ]; do sleep 0.02; done; }
      echo one; wait 1; echo two >&2; wait 2; echo "::progress 50 half" >&2; wait 3; exit 3`,
    );
    const args = ["-N", "-H", `Accept: ${accept}`, "--data-binary", `@${script}`];
    await using live = startCurl([...args, `${program.url}/run`]);
    const text = textOf(live.body);
    for (const [index, event] of ["one", "two", "half"].entries()) {
      assert.doesNotMatch(await text.until(`"text":"${event}`), /"exit_status"/);
      Deno.writeTextFileSync(`${folder.path}/${index + 1}`, "");
    }
    const events = eventsIn(await text.rest(), accept === "text/event-stream" ? "sse" : "ndjson");
    assert.deepEqual(
      events.map(({ event }) => event),
      ["queued", "started", "stdout", "stderr", "progress", "exit"],
    );
    assert.equal(events.at(-1)?.exit_status, 3);
    assert.equal((await live.exit()).code, 0);
  });
}

Deno.test("curl -f exits with 22 when the command fails", async () => {
  await using program = await startProgram({ env: shell });
  const { code, status, text } = await curl([
    "-f",
    "--data-binary",
    "exit 3",
    `${program.url}/run`,
  ]);
  assert.deepEqual([code, status, text], [22, 422, ""]);
});
