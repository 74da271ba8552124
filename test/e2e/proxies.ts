/**
 * The snippets of `contrib/proxy` in a real nginx, Caddy and HAProxy, in front of a real server.
 */

import assert from "node:assert/strict";
import { newToken } from "../../src/wire/tokens.ts";
import { get, post, postRaw } from "../support/client.ts";
import { curl } from "../support/curl.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { aliveIn, eventually, killAllIn } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";
import { startProxy } from "../support/proxies.ts";
import { tokenTable } from "../support/tokens.ts";

const job = (payload: string) => JSON.stringify({ id: "test", data: btoa(payload) });

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
  const [name, file, address, suffix] of [
    ["nginx", "nginx.conf", "http://unix:", ""],
    ["caddy", "Caddyfile", "unix+h2c/", ""],
    ["haproxy", "haproxy.cfg", "unix@", " proto h2"],
  ] as const
) {
  Deno.test(`${name} passes jobs and the client's address on to a unix socket`, async () => {
    using folder = temporaryFolder();
    const path = `${folder.path}/http.sock`;
    const own = "127.0.0.1";
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_ACCESS_LOG: "on",
        JOBRUNNER_HTTP_LISTEN_ADDRESS: `unix:${path}`,
        JOBRUNNER_TRUSTED_PROXIES: "unix",
      },
    });
    const anyServer = { url: "http://127.0.0.1:9" };
    await using proxy = await startProxy(name, file, folder.path, anyServer, (config) => {
      const changed = config.replace(
        /^(\s*(?:proxy_pass|reverse_proxy|server jobrunner) )(?:http:\/\/)?127\.0\.0\.1:9\b(.*)$/m,
        (_line, before, after) => `${before}${address}${path}${after}${suffix}`,
      );
      assert.notEqual(changed, config);
      return changed;
    });
    assert.equal((await post(proxy.url, "echo through")).output, "through\n");
    await program.line(`client.address=${own}`);
    if (name === "nginx") return;
    // Over HTTP/2 jobrunner notices a disconnect.
    const leaver = new AbortController();
    const script = `touch ${folder.path}/started; sleep 1000; ${"#".repeat(10_000)}`;
    const leaving = post(proxy.url, script, { signal: leaver.signal }).catch(({ name }) => name);
    await fileExists(`${folder.path}/started`);
    leaver.abort();
    assert.equal(await leaving, "AbortError");
    await program.line("outcome=canceled");
  });
}

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

  Deno.test(`${name} passes on the client's address, and no client can forge it`, async () => {
    using folder = temporaryFolder();
    const token = newToken();
    const tokens = `${folder.path}/tokens.toml`;
    const own = "127.0.0.2";
    Deno.writeTextFileSync(
      tokens,
      tokenTable("ci", token, 'scopes = ["submit"]', `addresses = ["${own}"]`),
    );
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_ACCESS_LOG: "on",
        JOBRUNNER_TOKENS_FILE: tokens,
        JOBRUNNER_TRUSTED_PROXIES: "127.0.0.1",
      },
    });
    await using proxy = await startProxy(name, file, folder.path, program);
    let count = 0;
    /** A job from an address of loopback: its status, and the addresses in its line of the access log. */
    async function from(address: string, url: string, ...headers: readonly string[]) {
      const id = `${name}-${count++}`;
      const sent = [`Authorization: Bearer ${token}`, `X-Request-Id: ${id}`, ...headers];
      const { status, log } = await curl([
        ...["--interface", address, "--json", job("exit 0")],
        ...sent.flatMap((header) => ["-H", header]),
        `${url}/payload`,
      ]);
      assert.notEqual(status, 0, log);
      const answered = () =>
        program.log.find((line) => line.includes("request answered") && line.includes(id));
      await eventually("it is logged", () => answered() !== undefined);
      const [, client, , peer] =
        /client\.address=(\S+)( network\.peer\.address=(\S+))?/.exec(answered() ?? "") ?? [];
      return { status, client, peer };
    }
    const peer = "127.0.0.1";
    const stranger = "127.0.0.3";
    assert.deepEqual(await from(own, proxy.url), { status: 200, client: own, peer });
    assert.deepEqual(await from(own, proxy.url, `X-Forwarded-For: ${stranger}`), {
      status: 200,
      client: own,
      peer,
    });
    const forged = `X-Forwarded-For: ${own}`;
    for (
      const headers of [
        [],
        [forged],
        [forged, forged],
        [`${forged}, ${own}`],
        [`${forged},`],
        [`Forwarded: for=${own}`, `X-Real-IP: ${own}`],
        [forged, "Connection: X-Forwarded-For"],
      ]
    ) {
      assert.deepEqual(
        await from(stranger, proxy.url, ...headers),
        { status: 403, client: stranger, peer },
        headers.join(),
      );
    }
    // Past the proxy.
    assert.deepEqual(await from(stranger, program.url, forged), {
      status: 403,
      client: stranger,
      peer: undefined,
    });
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
