/**
 * What web pages in a real Chromium can do to a server: those of other sites run no job, those of its own origin do.
 */

import assert from "node:assert/strict";
import { pageAt, startSite, visiting } from "../support/browser.ts";
import { base64, statusOf } from "../support/client.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";

/** Chromium sends no Sec-Fetch-Site to this name, since it is neither HTTPS nor localhost. */
const allowed = "jobs.example";

/** A server with default settings; it allows the name `allowed` only if pages use that. */
function startServer(host: string, port = 0): Promise<Program> {
  return startProgram({
    env: {
      JOBRUNNER_CMD: fixture("echo_payload.sh"),
      JOBRUNNER_HTTP_LISTEN_PORT: String(port),
      ...(host === allowed ? { JOBRUNNER_ALLOWED_HOSTS: allowed } : {}),
    },
  });
}

const job = JSON.stringify({ id: "from-a-page", data: base64("hello\n") });

/** Hosts of the page and of the server it attacks; their ports differ. */
const sites = [
  ["evil.example", "127.0.0.1"],
  ["evil.example", "localhost"],
  ["localhost", "localhost"],
  ["evil.example", allowed],
  [allowed, allowed],
] as const;

const send = (url: string) =>
  `fetch("${url}", {
    method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body: '${job}',
  })`;

const form = (url: string, target: string) =>
  `<form method="post" enctype="text/plain" action="${url}" target="${target}">
    <input name='${job.slice(0, -1)},"more":"' value='"}'>
  </form>
  <script>document.forms[0].submit()</script>`;

/** Pages that need no consent of the user to send a job. */
const attempts: Readonly<Record<string, (url: string) => string>> = {
  "fetch": (url) => `<script>${send(url)}</script>`,
  "fetch of a frame without origin": (url) =>
    `<iframe sandbox="allow-scripts" srcdoc="<script>${
      send(url).replaceAll('"', "&quot;")
    }</script>"></iframe>`,
  "beacon": (url) => `<script>navigator.sendBeacon("${url}", '${job}')</script>`,
  "form": (url) => form(url, "_self"),
  "form into a frame": (url) => `<iframe name="frame"></iframe>${form(url, "frame")}`,
};

for (const [from, to] of sites) {
  for (const [name, page] of Object.entries(attempts)) {
    Deno.test(`${name} from ${from} to ${to} reaches the server, but runs no job`, async () => {
      await using program = await startServer(to);
      const server = `http://${to}:${new URL(program.url).port}`;
      await using site = startSite(page(`${server}/payload`));

      const line = await visiting(
        `http://${from}:${site.port}/`,
        () => Promise.race([program.line("request refused"), program.line("job ended")]),
      );
      assert.match(line, / http.request.method=POST url.path=\/payload .* reason=cross_site/);
      assert.equal((await statusOf(program.url)).total_jobs, 0);
    });
  }
}

/** A page that waits until another server has its address, and reports that server's answers. */
const patient = (reporter: string) =>
  `<script>(async () => {
    await fetch("${reporter}/go");
    const answers = [];
    for (const [path, init] of [["/payload", { method: "POST", body: '${job}' }], ["/status"]]) {
      const response = await fetch(path, { ...init, headers: { accept: "application/json" } });
      const { code, output, total_jobs } = await response.json();
      answers.push([response.status, code ?? output ?? total_jobs]);
    }
    await fetch("${reporter}/report", { method: "POST", body: JSON.stringify(answers) });
  })().catch((error) => fetch("${reporter}/report", { method: "POST", body: String(error) }))</script>`;

const refused = [[403, "unknown_host"], [403, "unknown_host"]];
const answered = [[200, base64("hello\n")], [200, 1]];

for (
  const { host, what, answers, jobs } of [
    { host: "rebind.example", what: "is refused", answers: refused, jobs: 0 },
    { host: "localhost", what: "runs a job", answers: answered, jobs: 1 },
    { host: allowed, what: "runs a job", answers: answered, jobs: 1 },
  ]
) {
  Deno.test(`a page of ${host} that has the same origin as the server ${what}`, async () => {
    await using reporter = startSite("");
    await using site = startSite(patient(`http://127.0.0.1:${reporter.port}`));
    await visiting(`http://${host}:${site.port}/`, async () => {
      const go = await reporter.asked;
      await site[Symbol.asyncDispose]();
      await using program = await startServer(host, site.port);
      go();

      assert.deepEqual(JSON.parse(await reporter.report), answers);
      assert.equal((await statusOf(program.url)).total_jobs, jobs);
      if (jobs > 0) return;
      assert.match(await program.line("url.path=/payload"), /reason=unknown_host/);
      assert.match(await program.line("url.path=/status"), /reason=unknown_host/);
    });
  });
}

for (const host of ["127.0.0.1", "localhost", allowed]) {
  Deno.test(`/status at ${host} is shown when its address is typed into a browser`, async () => {
    await using program = await startServer(host);
    const { port } = new URL(program.url);
    assert.match(await pageAt(`http://${host}:${port}/status`), /"total_jobs":0/);
  });
}
