/**
 * The commands of the README and of other pages, as a newcomer runs them: a fresh clone, empty caches, make, curl, jq.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot, runProgram, startCommand, startProgram } from "../support/program.ts";

const read = (page: string) => Deno.readTextFileSync(`${projectRoot}${page}`);

/** The blocks of code of a page, in order: its language, and its text. */
function blocksOf(page: string) {
  return [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)]
    .map(([, language = "", text = ""]) => ({ language, text }));
}

/** The shell block of a page that holds a text, its address replaced by the real one, and the block behind it. */
function block(page: string, text: string, url = ""): { script: string; next: string } {
  const blocks = blocksOf(page);
  const at = blocks.findIndex((block) => block.language === "sh" && block.text.includes(text));
  assert.ok(at >= 0, `${page} has no shell block with ${text}`);
  const script = blocks[at]?.text.replaceAll("http://127.0.0.1:8080", url) ?? "";
  return { script, next: blocks[at + 1]?.text ?? "" };
}

async function shell(script: string, options: Deno.CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-euo", "pipefail", "-c", script],
    ...options,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, `${script}\n${text(stdout)}${text(stderr)}`);
  return text(stdout);
}

/** PATH without the folder of this Deno, so that make has to find one by itself. */
function pathWithoutDeno(): string {
  return (Deno.env.get("PATH") ?? "").split(":").filter((folder) => {
    try {
      return !Deno.statSync(`${folder}/deno`).isFile;
    } catch {
      return true;
    }
  }).join(":");
}

Deno.test("README.md: its commands work in a fresh clone, with empty caches, then without a network", async () => {
  using folder = temporaryFolder();
  const clone = `${folder.path}/jobrunner`;
  await shell(`git clone -q "${projectRoot}" "${clone}"`);
  const env = {
    HOME: folder.path,
    PATH: pathWithoutDeno(),
    DENO_DIR: `${folder.path}/deno`,
    NPM_CONFIG_CACHE: `${folder.path}/npm`,
    NPM_CONFIG_USERCONFIG: Deno.env.get("NPM_CONFIG_USERCONFIG") ??
      `${Deno.env.get("HOME")}/.npmrc`,
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_LOG_FORMAT: "text",
    NO_COLOR: "1",
  };
  const { script: start, next: said = "" } = block("README.md", "make start");
  const [sample = ""] = said.split("\n");
  const nowhere = "http://127.0.0.1:9";
  const withoutNetwork = { HTTPS_PROXY: nowhere, HTTP_PROXY: nowhere, NO_PROXY: "", no_proxy: "" };
  for (const network of [{}, withoutNetwork]) {
    await using program = await startCommand("sh", {
      args: ["-c", `exec ${start}`],
      cwd: clone,
      env: { ...env, ...network },
    });
    await program.line(sample);
    const { script, next } = block("README.md", "/run", program.url);
    assert.equal(await shell(script), next);
    await program.stop();
    await program.line("stopped");
  }
  assert.ok(read("README.md").includes("`make test` runs"), "the README names make test");
  const { DENO_TEST_SANITIZE_OPS: _ops, ...clean } = Deno.env.toObject();
  const report = await shell("make test TEST_FLAGS=--filter=createChannel", {
    cwd: clone,
    clearEnv: true,
    env: { ...clean, ...env },
  });
  assert.match(report, /ok \| [1-9]\d* passed \| 0 failed/);
});

Deno.test("Run from source: another command is served as its page says", async () => {
  const page = "docs/guides/run-from-source.md";
  await using program = await startCommand("sh", {
    args: ["-c", `exec ${block(page, "JOBRUNNER_CMD=/bin/date").script}`],
    cwd: projectRoot,
    env: { JOBRUNNER_HTTP_LISTEN_PORT: "0", JOBRUNNER_LOG_FORMAT: "text" },
  });
  const { script } = block(page, "/run", program.url);
  assert.match(await shell(script), /^\w{3} \w{3} +\d+ [\d:]{8} .*\d{4}\n$/);
});

Deno.test("HTTP: each endpoint's example works as written", async () => {
  const http = "docs/reference/http.md";
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/invoice.xml`, "<invoice/>");
  await using program = await startCommand("make", {
    args: ["start"],
    cwd: projectRoot,
    env: {
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_PASSWORD: "hunter2",
    },
  });
  await program.line("running the sample contrib/sample/uppercase.sh");
  const options = { cwd: folder.path, env: { PASSWORD: "hunter2" } };
  const answer = JSON.parse(await shell(block(http, "invoice 7", program.url).script, options));
  assert.equal(atob(answer.data), "<INVOICE/>");
  const pages = await shell(block(http, "/readyz", program.url).script, options);
  assert.match(pages, /"queued_jobs": 0,\n {2}"total_jobs": 1,/);
  assert.match(pages, /^jobrunner_queued_jobs 0$/m);
  assert.match(pages, /^ok\nready\n{"version":/m);
  assert.equal(await shell(block(http, "invoice+7", program.url).script, options), "<INVOICE/>");
});

Deno.test("Security: the certificate that its page makes is accepted by send and by curl", async () => {
  const page = "docs/guides/security.md";
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/invoice.xml`, "<invoice/>");
  const [make = "", serve] = block(page, "openssl req").script.split(/^(?=JOBRUNNER_TLS)/m);
  assert.ok(serve);
  await shell(make, { cwd: folder.path });
  await using program = await startProgram({
    cwd: folder.path,
    env: {
      JOBRUNNER_CMD: "/bin/date",
      JOBRUNNER_TLS_CERT_FILE: "cert.pem",
      JOBRUNNER_TLS_KEY_FILE: "key.pem",
    },
  });
  for (const host of ["localhost", "127.0.0.1"]) {
    const url = program.url.replace("127.0.0.1", host);
    const [, words = ""] = /`jobrunner (send --url https:.*?)`/.exec(read(page)) ?? [];
    const args = words.replace("https://localhost:8080", url).split(" ");
    const sent = await runProgram({ args, cwd: folder.path });
    assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    assert.match(sent.stdout, /\d{4}\n$/);
    assert.equal(
      await shell(`curl -sS --cacert cert.pem ${url}/livez`, { cwd: folder.path }),
      "ok\n",
    );
  }
});

Deno.test("Security: serve --check prints what its page shows, and from source one limit more", async () => {
  const shown = blocksOf("docs/guides/security.md").find(({ text }) => text.includes("probe: "));
  const { code, stdout } = await runProgram({
    args: ["serve", "--check"],
    env: { JOBRUNNER_CMD: "/bin/date", TMPDIR: "/tmp" },
  });
  assert.equal(code, 0);
  const printed = stdout.replace("; write below Deno's cache (not from a binary)", "")
    // It follows from the disk.
    .replace(/at most \d+ bytes/, "at most 34359738368 bytes");
  assert.ok(shown && printed.endsWith(shown.text), stdout);
});
