/**
 * `POST /run` as pages of a real Chromium and programs of Node.js use it: forms both ways, live output, and EventSource.
 */

import assert from "node:assert/strict";
import { startSite, visiting } from "../support/browser.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture, startProgram } from "../support/program.ts";

/** What a page or a program does with a server at `url`; it returns what it found, as JSON. */
const sendForm = `
  const form = new FormData();
  form.set("script", new Blob(['cat "$JOBRUNNER_REQUEST_DIR/002"; printf data >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 3\\n']), "s.sh");
  form.set("picture", new Blob([Uint8Array.of(0, 255, 13, 10, 45, 45)]), "ä.png");
  form.set("field", "text");
  const response = await fetch(url + "/run", {
    method: "POST", body: form, headers: { accept: "multipart/form-data" },
  });
  const answer = await response.formData();
  const { exit_status, output_bytes } = JSON.parse(answer.get("result"));
  const output = [...new Uint8Array(await answer.get("output").arrayBuffer())];
  const data = await answer.get("data").text();
  return { status: response.status, names: [...answer.keys()], exit_status, output_bytes, output, data };
`;

const formFound = {
  status: 200,
  names: ["result", "data", "output", "error"],
  exit_status: 3,
  output_bytes: 6,
  output: [0, 255, 13, 10, 45, 45],
  data: "data",
};

/** Each event is released by a job of its own, after the page has read the one before. */
const readLive = (accept: string) => `
  const script = 'echo one; until [ -e "$FOLDER/go" ]; do sleep 0.02; done; echo two\\n';
  const response = await fetch(url + "/run", {
    method: "POST", body: script, headers: { accept: "${accept}" },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let released = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    if (released || !text.includes("one")) continue;
    released = true;
    await fetch(url + "/run", { method: "POST", body: 'touch "$FOLDER/go"; exit\\n' });
  }
  return { released, status: response.status, events: text.match(/\\b(queued|started|stdout|exit)\\b/g) };
`;

const liveFound = {
  released: true,
  status: 200,
  events: ["queued", "started", "stdout", "stdout", "exit"],
};

/** A page that waits until a server has its address, does something with it and reports what it found. */
const page = (what: string, reporter: number) =>
  `<script>(async () => {
    await fetch("http://127.0.0.1:${reporter}/go");
    const url = location.origin;
    return JSON.stringify(await (async () => {${what}})());
  })().catch(String).then((body) =>
    fetch("http://127.0.0.1:${reporter}/report", { method: "POST", body }))</script>`;

async function foundInChromium(what: string): Promise<unknown> {
  using folder = temporaryFolder();
  await using reporter = startSite("");
  await using site = startSite(page(what, reporter.port));
  return await visiting(`http://localhost:${site.port}/`, async () => {
    const go = await reporter.asked;
    await site[Symbol.asyncDispose]();
    await using _program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_HTTP_LISTEN_PORT: String(site.port),
        FOLDER: folder.path,
      },
    });
    go();
    return JSON.parse(await reporter.report);
  });
}

async function foundInNode(what: string): Promise<unknown> {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), FOLDER: folder.path },
  });
  const { stdout, stderr } = await new Deno.Command("node", {
    args: [
      "--input-type=module",
      "-e",
      `const url = "${program.url}"; console.log(JSON.stringify(await (async () => {${what}})()))`,
    ],
    // Not a clock to wait for: without it a program that hangs would hang the whole run.
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const [where, found] of [["Chromium", foundInChromium], ["Node.js", foundInNode]] as const) {
  Deno.test(`${where} sends a FormData, and reads the answer with formData()`, async () => {
    assert.deepEqual(await found(sendForm), formFound);
  });

  for (const accept of ["text/event-stream", "application/x-ndjson"]) {
    Deno.test(`${where} reads each event of ${accept} before the next happens`, async () => {
      assert.deepEqual(await found(readLive(accept)), liveFound);
    });
  }
}

Deno.test("EventSource in Chromium reads the events of a recorded answer, with their ids", async () => {
  await using program = await startProgram({ env: { JOBRUNNER_CMD: fixture("run_payload.sh") } });
  const recorded = await fetch(`${program.url}/run`, {
    method: "POST",
    body: 'printf "a\\r\\nb\\342\\200\\250:c\\n"; echo "::progress 40 half" >&2; exit 2\n',
    headers: { accept: "text/event-stream" },
  }).then((response) => response.text());
  const report = Promise.withResolvers<string>();
  const lastIds: (string | null)[] = [];
  const html = `<script>
    const events = [];
    const source = new EventSource("/events");
    for (const name of ["queued", "started", "stdout", "stderr", "progress", "exit"]) {
      source.addEventListener(name, ({ data, lastEventId }) => {
        events.push([name, lastEventId, JSON.parse(data)]);
      });
    }
    // The stream has ended; the browser asks again by itself, with the id of the last event.
    let ends = 0;
    source.onerror = () => {
      if (++ends < 2) return;
      source.close();
      fetch("/report", { method: "POST", body: JSON.stringify(events) });
    };
  </script>`;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/report") report.resolve(await request.text());
      if (pathname === "/") return new Response(html, { headers: { "content-type": "text/html" } });
      if (pathname !== "/events") return new Response(null, { status: 204 });
      const headers = { "content-type": "text/event-stream" };
      // 204 ends the connections of an EventSource.
      return lastIds.push(request.headers.get("last-event-id")) === 1
        ? new Response(recorded, { headers })
        : new Response(null, { status: 204 });
    },
  );
  const begun = performance.now();
  const events = JSON.parse(
    await visiting(`http://127.0.0.1:${server.addr.port}/`, () => report.promise),
  );
  assert.ok(performance.now() - begun >= 2000, "the answer asks to wait for 2 s");
  assert.deepEqual(lastIds, [null, "4"]);
  assert.deepEqual(
    events.map(([name, id, { seq }]: [string, string, { seq: number }]) => [name, id, seq]),
    ["queued", "started", "stdout", "progress", "exit"].map((name, seq) => [name, `${seq}`, seq]),
  );
  assert.equal(events[2][2].text, "a\r\nb\u2028:c\n");
});
