/**
 * `POST /run` through a real nginx and a real Caddy: live output event by event, clients that leave or read slowly, large uploads.
 */

import assert from "node:assert/strict";
import { curl, startCurl, textOf } from "../support/curl.ts";
import { fileExists, temporaryFolder, writeZeros } from "../support/folder.ts";
import { aliveIn, killAllIn } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";
import { bytesReadBy } from "../support/proc.ts";
import { startProxy } from "../support/proxies.ts";

const mebibyte = 2 ** 20;

/** nginx compresses everything that it may. */
const gzip = (config: string) => `gzip on; gzip_types *; gzip_min_length 0;\n${config}`;

const unlimited = (config: string) =>
  config.replace(/client_max_body_size \w+/, "client_max_body_size 0");

/** Caddy speaks HTTP/2 to a server with TLS. */
const http2 = (config: string) =>
  config.replace(
    /reverse_proxy (\S+) \{/,
    `reverse_proxy https://$1 {
		transport http {
			versions 2
			tls_trusted_ca_certs ${fixture("tls/ca.pem")}
			tls_server_name localhost
		}`,
  ).replace("100MiB", "1GiB");

const tls = {
  JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
  JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
};

const setups = [
  { name: "nginx", file: "nginx.conf", what: "", env: {}, change: gzip },
  { name: "caddy", file: "Caddyfile", what: "", env: {}, change: (config: string) => config },
  { name: "caddy", file: "Caddyfile", what: " over HTTP/2", env: tls, change: http2 },
] as const;

for (const { name, file, what, env, change } of setups) {
  Deno.test(`${name}${what} passes on each event before the next happens, and a listener's disconnect`, async () => {
    using folder = temporaryFolder();
    const pids = `${folder.path}/pids`;
    Deno.mkdirSync(pids);
    await using program = await startProgram({
      env: { JOBRUNNER_CMD: fixture("run_payload.sh"), FOLDER: folder.path, ...env },
    });
    try {
      await using proxy = await startProxy(name, file, folder.path, program, change);
      const script = `${folder.path}/script`;
      Deno.writeTextFileSync(
        script,
        `wait() { until [ -e "$FOLDER/$1" ]; do sleep 0.02; done; }
        echo one; wait 1; echo two; wait 2; echo $$ >"$FOLDER/pids/job"; wait never`,
      );
      const accept = ["-H", "Accept: text/event-stream"];
      await using live = startCurl(
        ["-N", "--compressed", ...accept, "--data-binary", `@${script}`, `${proxy.url}/run`],
      );
      const text = textOf(live.body);
      for (const [index, line] of ["one", "two"].entries()) {
        await text.until(`"text":"${line}\\n"`);
        Deno.writeTextFileSync(`${folder.path}/${index + 1}`, "");
      }
      await fileExists(`${pids}/job`);
      await live.kill();
      await text.rest();
      await program.line("outcome=canceled");
      assert.deepEqual(aliveIn(pids), []);
    } finally {
      killAllIn(pids);
    }
  });
}

Deno.test("nginx passes on 256 MiB without a length, and takes less than 30 MB ahead of a client", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: { JOBRUNNER_CMD: fixture("copy_payload.sh") } });
  await using proxy = await startProxy("nginx", "nginx.conf", folder.path, program, unlimited);
  const length = 256 * mebibyte;
  const file = writeZeros(folder.path, length);
  const before = bytesReadBy(program);
  const chunked = ["-H", "Transfer-Encoding: chunked", "-X", "POST", "-T", file];
  await using client = startCurl([...chunked, `${proxy.url}/run`]);
  const reader = client.body.getReader();
  await reader.read();
  // Meanwhile nginx has time to take all of it.
  const direct = await curl(["-X", "POST", "-T", file, "-o", "/dev/null", `${program.url}/run`]);
  assert.equal(direct.status, 200, direct.log);
  const ahead = bytesReadBy(program) - before - 3 * length;
  assert.ok(ahead > 0 && ahead < 30e6, `${ahead}`);
  reader.releaseLock();
  await client.kill();
});

Deno.test("caddy over HTTP/2 passes on 64 MiB without a length", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("copy_payload.sh"), ...tls },
  });
  await using proxy = await startProxy("caddy", "Caddyfile", folder.path, program, http2);
  const file = writeZeros(folder.path, 64 * mebibyte);
  const { code, status, log } = await curl(
    [
      "-H",
      "Transfer-Encoding: chunked",
      "-X",
      "POST",
      "-T",
      file,
      "-o",
      `${folder.path}/answer`,
      `${proxy.url}/run`,
    ],
  );
  assert.deepEqual([code, status], [0, 200], log);
  assert.equal(Deno.statSync(`${folder.path}/answer`).size, 64 * mebibyte);
});
