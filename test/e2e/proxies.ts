/**
 * The snippets of `contrib/proxy` in a real nginx and a real Caddy, before a real server.
 */

import assert from "node:assert/strict";
import { post, postRaw } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { aliveIn, eventually, killAllIn } from "../support/processes.ts";
import { fixture, projectRoot, startProgram } from "../support/program.ts";

/** A port that is free now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The snippet with the addresses of the test, and with a head's time short enough to wait for. */
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
};

for (const [name, file] of [["nginx", "nginx.conf"], ["caddy", "Caddyfile"]] as const) {
  Deno.test(`${name}: jobs pass, half-sent heads are closed, a client that leaves ends its job`, async () => {
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
    const port = freePort();
    const proxy = proxies[name](folder.path, snippet(file, port, new URL(program.url).host))
      .spawn();
    const url = `http://127.0.0.1:${port}`;
    try {
      await eventually(
        `${name} listens`,
        () => post(url, "exit 0").then(({ status }) => status === 200, () => false),
      );
      assert.equal((await post(url, "echo through")).output, "through\n");

      // nginx reads the whole body and states its length; Caddy hands chunks on.
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
      proxy.kill("SIGTERM");
      await proxy.status;
      killAllIn(pids);
    }
  });
}
