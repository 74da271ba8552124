/**
 * A real Chromium without a screen, and pages of foreign sites for it, all on loopback.
 *
 * @module
 */

import { temporaryFolder } from "./folder.ts";

/** Every name under `.example` is this machine; Chromium itself knows `localhost`. */
const switches = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-proxy-server",
  "--host-resolver-rules=MAP *.example 127.0.0.1",
];

/** The browser with a profile in this folder; it sees neither a desktop nor the profile of the user who runs the test. */
function chromium(folder: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("chromium", {
    args: [...switches, `--user-data-dir=${folder}/profile`, ...args],
    env: { HOME: folder, TMPDIR: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // Not a clock to wait for: without it a browser that hangs would hang the whole run.
    signal: AbortSignal.timeout(60_000),
  }).spawn();
}

/** Keeps a page open while something is awaited; throws if the browser exits first. */
export async function visiting<T>(url: string, awaited: () => Promise<T>): Promise<T> {
  using folder = temporaryFolder();
  const browser = chromium(folder.path, [url]);
  // All its processes hold standard error, so it ends with the last of them; then nothing writes into the profile.
  const over = browser.output();
  const lost = over.then(({ stderr }) => {
    throw new Error(`the browser ended:\n${new TextDecoder().decode(stderr)}`);
  });
  try {
    return await Promise.race([awaited(), lost]);
  } finally {
    try {
      browser.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await over;
  }
}

/** Opens a page as if its address had been typed; resolves with its content as HTML. */
export async function pageAt(url: string): Promise<string> {
  using folder = temporaryFolder();
  const { stdout } = await chromium(folder.path, ["--dump-dom", url]).output();
  return new TextDecoder().decode(stdout);
}

/** A web server with one page. */
export interface Site extends AsyncDisposable {
  readonly port: number;
  /** Bodies that pages of any origin posted to `/report`. */
  readonly report: Promise<string>;
  /** Resolves when a page of any origin fetches `/go`; call the function to answer it. */
  readonly asked: Promise<() => void>;
}

/** Serves this HTML at `/`. */
export function startSite(html: string): Site {
  const report = Promise.withResolvers<string>();
  const asked = Promise.withResolvers<() => void>();
  const headers = { "access-control-allow-origin": "*", "connection": "close" };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/report") report.resolve(await request.text());
    if (pathname === "/go") await new Promise<void>((go) => asked.resolve(go));
    if (pathname !== "/") return new Response(null, { status: 204, headers });
    return new Response(html, { headers: { ...headers, "content-type": "text/html" } });
  });
  return {
    port: server.addr.port,
    report: report.promise,
    asked: asked.promise,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
