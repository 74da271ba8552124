/**
 * A plain nginx that stores and sends files: what the machine can do with the bytes of HTTP.
 *
 * @module
 */

import { join } from "node:path";
import { type Address, connect } from "./client.ts";
import { BenchFailure } from "./failure.ts";
import type { Target } from "./load_process.ts";
import { freePort } from "./port.ts";

/** An nginx that listens. Disposing of it stops the process. */
export interface Nginx extends Target, AsyncDisposable {}

const startTimeoutMs = 10_000;
const pollMs = 20;

/**
 * Starts nginx on a free port of 127.0.0.1. GET and PUT are for the files in `files`, a folder in
 * `folder`, which also holds what nginx itself needs. Resolves with a sentence when this machine has
 * no nginx, or one without WebDAV.
 */
export async function startNginx(
  { folder, files }: { readonly folder: string; readonly files: string },
  signal: AbortSignal,
): Promise<Nginx | { readonly missing: string }> {
  const address = { hostname: "127.0.0.1", port: freePort() };
  const log = join(folder, "nginx.log");
  const config = join(folder, "nginx.conf");
  Deno.writeTextFileSync(config, configuration(folder, files, address));
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("nginx", {
      args: ["-p", folder, "-c", config, "-e", log],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { missing: "there is no nginx" };
    throw error;
  }
  let running = true;
  const ended = child.status.then(() => running = false);
  const logTail = () => Deno.readTextFileSync(log).trimEnd().split("\n").slice(-5).join("\n");
  const end = async () => {
    if (running) child.kill("SIGTERM");
    await ended;
  };
  try {
    const deadline = performance.now() + startTimeoutMs;
    while (running && !await listens(address)) {
      signal.throwIfAborted();
      if (performance.now() > deadline) {
        throw new BenchFailure(`nginx does not listen: ${logTail()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } catch (error) {
    await end();
    throw error;
  }
  if (!running) return { missing: `nginx did not start: ${logTail()}` };
  return { address, logTail, [Symbol.asyncDispose]: end };
}

/**
 * One process, as one connection has only one anyway. Bodies are gathered on the disk of `files`, so
 * that storing one is a rename. The rest is as Debian has it.
 */
function configuration(folder: string, files: string, { hostname, port }: Address): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path ${JSON.stringify(join(folder, `nginx-${name}`))};`
  );
  return `daemon off;
master_process off;
pid ${JSON.stringify(join(folder, "nginx.pid"))};
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_max_body_size 0;
  ${temporary.join("\n  ")}
  server {
    listen ${hostname}:${port};
    root ${JSON.stringify(files)};
    location / { dav_methods PUT; }
  }
}
`;
}

async function listens(address: Address): Promise<boolean> {
  try {
    (await connect(address))[Symbol.dispose]();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
