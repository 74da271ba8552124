/**
 * The snippets of `contrib/proxy` in a real nginx, Caddy and HAProxy, in front of a real server.
 */

import assert from "node:assert/strict";
import { get, post, postRaw } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { aliveIn, eventually, killAllIn } from "../support/processes.ts";
import { fixture, type Program, projectRoot, startProgram } from "../support/program.ts";

const job = (payload: string) => JSON.stringify({ id: "test", data: btoa(payload) });

/** The snippet with the addresses of the test, and with a short timeout for request heads. */
function snippet(name: string, port: number, upstream: string): string {
  return Deno.readTextFileSync(`${projectRoot}contrib/proxy/${name}`)
    .replace("8081", String(port))
    .replace("127.0.0.1:8080", upstream)
    .replace(/\b10s\b/, "1s");
}

const proxies = {
  nginx(folder: string, config: string) {
    const main =
      `daemon off; user root; pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
          `${name}_temp_path ${folder}/${name};`
        ).join(" ")
      }\n${config}\n}`;
    Deno.writeTextFileSync(`${folder}/nginx.conf`, main);
    return new Deno.Command("nginx", {
      args: ["-p", folder, "-c", `${folder}/nginx.conf`],
      stdout: "null",
      stderr: "null",
    });
  },
  caddy(folder: string, config: string) {
    Deno.writeTextFileSync(`${folder}/Caddyfile`, config.replace("{\n", "{\n\tadmin off\n"));
    const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    const args = ["run", "--config", `${folder}/Caddyfile`, "--adapter", "caddyfile"];
    return new Deno.Command("caddy", { args, env, stdout: "null", stderr: "null" });
  },
  haproxy(folder: string, config: string) {
    Deno.writeTextFileSync(`${folder}/haproxy.cfg`, config);
    // A configuration with a warning does not start.
    const args = ["-dW", "-db", "-f", `${folder}/haproxy.cfg`];
    return new Deno.Command("haproxy", { args, stdout: "null", stderr: "null" });
  },
};

/** Starts a proxy in front of a server and waits until it listens; its configuration is the snippet `file`. */
async function startProxy(
  name: keyof typeof proxies,
  file: string,
  folder: string,
  program: Program,
): Promise<AsyncDisposable & { readonly url: string; readonly port: number }> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const process = proxies[name](folder, snippet(file, port, new URL(program.url).host)).spawn();
  let ended = false;
  const end = process.status.then(() => ended = true);
  async function stop() {
    if (!ended) process.kill("SIGTERM");
    await end;
  }
  try {
    await eventually(
      `${name} listens`,
      () => ended || get(`${url}/readyz`).then(({ status }) => status === 200, () => false),
    );
    assert.ok(!ended, `${name} does not take ${file}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, port, [Symbol.asyncDispose]: stop };
}

/** A job sent by curl with headers that ask for another protocol: what was sent, and the answer. */
async function postWithUpgrade(
  url: string,
  { upgrade, body }: { readonly upgrade: string; readonly body: string },
): Promise<{ readonly sent: string; readonly status: string; readonly text: string }> {
  const asking = upgrade === "h2c"
    ? ["--http2"]
    : ["--http1.1", "-H", "Connection: Upgrade", "-H", `Upgrade: ${upgrade}`];
  const { stdout, stderr } = await new Deno.Command("curl", {
    args: ["-sv", "--max-time", "60", ...asking, "--json", body, `${url}/payload`],
  }).output();
  const sent = new TextDecoder().decode(stderr);
  const status = /^< HTTP\/1\.1 (\d+)/m.exec(sent)?.[1] ?? sent;
  return { sent, status, text: new TextDecoder().decode(stdout) };
}

const upgrades = ["h2c", "foo"];

Deno.test("Deno.serve answers 400 to Connection: Upgrade with a body, from 2.8.3 on", async () => {
  await using program = await startProgram({ env: { JOBRUNNER_CMD: fixture("run_payload.sh") } });
  const refuses = !/^2\.(7\.|8\.[0-2]$)/.test(Deno.version.deno);
  for (const upgrade of upgrades) {
    const { sent, status, text } = await postWithUpgrade(program.url, {
      upgrade,
      body: job("exit 0"),
    });
    assert.match(sent, /^> Connection: Upgrade/m);
    assert.match(sent, new RegExp(`^> Upgrade: ${upgrade}\r?$`, "m"));
    const changed = "the runtime has changed: see “Behind a reverse proxy” and docs/upstream.md";
    assert.equal(status, refuses ? "400" : "200", changed);
    assert.equal(text === "", refuses, changed);
  }
});

for (
  const [name, file] of [
    ["nginx", "nginx.conf"],
    ["caddy", "Caddyfile"],
    ["haproxy", "haproxy.cfg"],
  ] as const
) {
  Deno.test(`${name} passes jobs on, closes half-sent heads, and passes on a client's disconnect`, async () => {
    using folder = temporaryFolder();
    const pids = `${folder.path}/pids`;
    Deno.mkdirSync(pids);
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_KILL_GRACE_SEC: "0.3",
        PIDS: pids,
      },
    });
    try {
      await using proxy = await startProxy(name, file, folder.path, program);
      const { url, port } = proxy;
      assert.equal((await post(url, "echo through")).output, "through\n");

      // nginx reads the whole body and states its length; Caddy and HAProxy pass chunks on.
      const body = JSON.stringify({ id: "x", data: btoa("exit 0"), more: "x".repeat(9 * 2 ** 20) });
      const { status } = await postRaw(url, new Blob([body]).stream());
      assert.equal(status, name === "nginx" ? 200 : 411);

      using half = await Deno.connect({ hostname: "127.0.0.1", port });
      await half.write(
        new TextEncoder().encode("POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Le"),
      );
      const buffer = new Uint8Array(4096);
      let closed = false;
      while (!closed) closed = await half.read(buffer).catch(() => null) === null;

      const leaver = new AbortController();
      const leaving = post(url, 'echo $$ >"$PIDS/job"; sleep 1000', { signal: leaver.signal })
        .catch((error) => error.name);
      await fileExists(`${pids}/job`);
      leaver.abort();
      assert.equal(await leaving, "AbortError");
      await program.line("outcome=canceled");
      assert.deepEqual(aliveIn(pids), []);
    } finally {
      killAllIn(pids);
    }
  });

  Deno.test(`${name} answers a client that asks for another protocol`, async () => {
    using folder = temporaryFolder();
    await using program = await startProgram({ env: { JOBRUNNER_CMD: fixture("run_payload.sh") } });
    await using proxy = await startProxy(name, file, folder.path, program);
    for (const upgrade of upgrades) {
      const answered = await postWithUpgrade(proxy.url, { upgrade, body: job("echo through") });
      assert.equal(answered.status, "200", answered.sent);
      assert.equal(atob(JSON.parse(answered.text).output), "through\n");
      // HAProxy by itself would pass Upgrade on with an empty body. The sentence is jobrunner's.
      const empty = await postWithUpgrade(proxy.url, { upgrade, body: "" });
      assert.match(empty.text, /The body is empty/, empty.sent);
    }
  });
}

Deno.test("haproxy takes a draining server out of rotation, and its job is answered", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("hold_until_released.sh"), HOLD_RELEASE: release },
  });
  await using proxy = await startProxy("haproxy", "haproxy.cfg", folder.path, program);
  const held = post(proxy.url, "held", { id: "held" });
  await fileExists(`${folder.path}/started_held`);
  const stopped = program.stop("SIGTERM");
  // HAProxy's own page; jobrunner's 503 is “draining”.
  await eventually("the server is down", async () => {
    const { status, text } = await get(`${proxy.url}/readyz`);
    return status === 503 && text.includes("No server is available");
  });
  Deno.writeTextFileSync(release, "");
  assert.equal((await held).output, "released\n");
  assert.equal(await stopped, 0);
});
