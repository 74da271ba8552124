/**
 * Real reverse proxies with the snippets of `contrib/proxy`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { get } from "./client.ts";
import { freePort } from "./port.ts";
import { eventually } from "./processes.ts";
import { type Program, projectRoot } from "./program.ts";

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

/** A proxy that listens. */
export interface Proxy extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/**
 * Starts a proxy in front of a server and waits until it listens. Its configuration is the snippet `file`, which `change` can
 * change.
 */
export async function startProxy(
  name: keyof typeof proxies,
  file: string,
  folder: string,
  { url: server }: Pick<Program, "url">,
  change: (config: string) => string = (config) => config,
): Promise<Proxy> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const process = proxies[name](folder, change(snippet(file, port, new URL(server).host))).spawn();
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
