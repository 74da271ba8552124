/**
 * The lint plugin of `tools/rooms`: over every file of the program, where no ignore comment counts, and over each kind of breach.
 */

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import plugin from "../../tools/rooms/plugin.ts";
import { projectRoot } from "../support/program.ts";
import { programSources } from "../support/program_sources.ts";

function diagnostics(path: string, source: string): Deno.lint.Diagnostic[] {
  return Deno.lint.runPlugin(plugin, `${projectRoot}${path}`, source);
}

/** What the plugin reports of a file with this path and text, without the file's own name. */
function breaches(path: string, source: string): string[] {
  const name = path.replace("src/", "");
  return diagnostics(path, source).map(({ message }) => message.replace(`${name} `, ""));
}

Deno.test("rooms/borders finds no breach in any file of the program", () => {
  const sources = programSources();
  assert.ok(sources.size > 50);
  const found = [...sources].flatMap(([path, source]) =>
    diagnostics(path, source).map(({ message, hint }) => `${message}. ${hint}`)
  );
  assert.deepEqual(found, []);
});

Deno.test("deno lint has the plugin tools/rooms/plugin.ts", () => {
  assert.deepEqual(config.lint.plugins, ["./tools/rooms/plugin.ts"]);
});

Deno.test("rooms/borders names what to add to which table", () => {
  const hints = (source: string) =>
    diagnostics("src/http/x.ts", source).map(({ hint = "" }) => hint.replace(/^.*rooms\.ts /, ""));
  assert.deepEqual(hints('import { run } from "../exec/run.ts";'), [
    'add "run.ts" to "exec" in `rooms`, row "http"',
  ]);
  assert.deepEqual(hints('import type { RunSettings } from "../exec/run.ts";'), [
    'add "type:run.ts" to "exec" in `rooms`, row "http"',
  ]);
  assert.deepEqual(hints("Deno.kill(1)"), ['add "http/x.ts" to `runtime`, row of Deno.kill']);
  assert.deepEqual(hints("Deno.bench(x)"), ["give it a row of its own in `runtime`"]);
  assert.deepEqual(hints("caches"), ["give it a row of its own in `globals`"]);
});

const run = "may not import exec/run.ts";
const typesOfRun = "may not import types of exec/run.ts";

Deno.test("rooms/borders finds every way to import a file of another room", () => {
  const cases: Record<string, string> = {
    'import { run } from "../exec/run.ts";': run,
    "import { run } from '../exec/run.ts';": run,
    'import {\n  run,\n  type RunSettings,\n} from "../exec/run.ts";': run,
    'import * as all from "../exec/run.ts";': run,
    'import {} from "../exec/run.ts";': run,
    'import "../exec/run.ts";': run,
    'import "../exec/../exec/run.ts?again#x";': run,
    'import x from "./../../src/exec/run.ts";': run,
    'await import("../exec/run.ts");': run,
    'const later = () => import("../exec/run.ts", { with: {} });': run,
    'export { run } from "../exec/run.ts";': run,
    'export * from "../exec/run.ts";': run,
    'export * as all from "../exec/run.ts";': run,
    'new Worker(new URL("../exec/run.ts", import.meta.url));': run,
    'const entry = new URL("../exec/run.ts", import.meta["url"]);': run,
    'import type { RunSettings } from "../exec/run.ts";': typesOfRun,
    'import { type RunSettings } from "../exec/run.ts";': typesOfRun,
    'export type { RunSettings } from "../exec/run.ts";': typesOfRun,
    'export { type RunSettings } from "../exec/run.ts";': typesOfRun,
    'export type * from "../exec/run.ts";': typesOfRun,
    'let x: import("../exec/run.ts").RunSettings;': typesOfRun,
    'let x: typeof import("../exec/run.ts");': typesOfRun,
    'import { openLog } from "../telemetry/log.ts";': "may not import telemetry/log.ts",
    'import { type Log, openLog } from "../telemetry/log.ts";': "may not import telemetry/log.ts",
    'import { markedIn } from "../isolate/busy.ts";': "may not import isolate/busy.ts",
    'import { version } from "../version.ts";': "may not import version.ts",
    'import "../../main.ts";': "may not import main.ts",
    'import config from "../../deno.json" with { type: "json" };': "may not import deno.json",
    'import { projectRoot } from "../../test/support/program.ts";':
      "may not import test/support/program.ts",
  };
  for (const [source, breach] of Object.entries(cases)) {
    // A worker is a breach of its own here.
    const found = breaches("src/http/x.ts", source).filter((it) => it !== "may not name Worker");
    assert.deepEqual(found, [breach], source);
  }
});

Deno.test("rooms/borders treats files beside the rooms as rooms of their own", () => {
  const source = 'import { version } from "./version.ts";';
  assert.deepEqual(breaches("src/service.ts", source), ["may not import version.ts"]);
});

Deno.test("rooms/borders accepts what a room may import", () => {
  for (
    const source of [
      'import { observe } from "./observe.ts";',
      'import "./resources/payload.ts";',
      'import { refusals } from "../jobs/job.ts";',
      'await import("../jobs/job.ts");',
      'import type { Refusal } from "../jobs/job.ts";',
      'import type { Log } from "../telemetry/log.ts";',
      'import { type Log, type Level } from "../telemetry/log.ts";',
      'let x: import("../telemetry/log.ts").Log;',
    ]
  ) assert.deepEqual(breaches("src/http/x.ts", source), [], source);
});

Deno.test("rooms/borders finds packages and modules of the runtime, and each name imported from them", () => {
  const cases: Record<string, string> = {
    'import { spawn } from "node:child_process";': "node:child_process.spawn",
    'import process from "node:process";': "node:process",
    'import { env as e } from "node:process";': "node:process.env",
    'import { "exit" as e } from "node:process";': "node:process.exit",
    'import { writeFileSync } from "node:fs";': "node:fs.writeFileSync",
    'import * as fs from "node:fs/promises";': "node:fs/promises",
    'import net from "node:net";': "node:net",
    'import net, { isIP } from "node:net";': "node:net",
    'import { connect, isIP } from "node:net";': "node:net.connect",
    'import { request } from "node:http";': "node:http.request",
    'import { request } from "node:https";': "node:https.request",
    'import dgram from "node:dgram";': "node:dgram",
    'import tls from "node:tls";': "node:tls",
    'import { Worker as W } from "node:worker_threads";': "node:worker_threads.Worker",
    'import { createRequire } from "node:module";': "node:module.createRequire",
    'import { Buffer as B } from "node:buffer";': "node:buffer.Buffer",
    'import "node:inspector";': "node:inspector",
    'export { exec } from "node:child_process";': "node:child_process",
    'await import("node:child_process");': "node:child_process",
    'let x: typeof import("node:child_process");': "node:child_process",
    'import { spawn } from "child_process";': "child_process.spawn",
    'import { Hono } from "hono";': "hono.Hono",
    'import { accepts } from "hono/accepts";': "hono/accepts.accepts",
    'import type { Span } from "@opentelemetry/api";': "@opentelemetry/api.Span",
    'import { quote } from "shlex";': "shlex.quote",
    'import x from "npm:left-pad@1";': "npm:left-pad@1",
    'import x from "https://example.com/x.ts";': "https://example.com/x.ts",
    'import x from "file:///src/exec/run.ts";': "file:///src/exec/run.ts",
    'import x from "/src/exec/run.ts";': "/src/exec/run.ts",
    'await import("data:text/javascript,1");': "data:text/javascript,1",
  };
  for (const [source, name] of Object.entries(cases)) {
    assert.deepEqual(breaches("src/http/guard.ts", source), [`may not name ${name}`], source);
  }
});

Deno.test("rooms/borders finds the runtime and the globals under any name", () => {
  const cases: Record<string, string> = {
    "Deno.kill(1);": "Deno.kill",
    'Deno["env"].get(x);': "Deno.env",
    "Deno[`env`].get(x);": "Deno.env",
    "Deno?.env;": "Deno.env",
    "(Deno as any)!.env;": "Deno.env",
    "new Deno.Command(x);": "Deno.Command",
    "Deno.dlopen(x);": "Deno.dlopen",
    "Deno.writeFileSync(a, b);": "Deno.writeFile",
    "await Deno.writeTextFile(a, b);": "Deno.writeTextFile",
    "Deno.openSync(a);": "Deno.open",
    "Deno.listen(x);": "Deno.listen",
    "Deno.serve(x);": "Deno.serve",
    "class X extends Deno.FsFile {}": "Deno.FsFile",
    "const { env } = Deno;": "Deno",
    "const d = Deno;": "Deno",
    "let d; d = Deno;": "Deno",
    "use(Deno);": "Deno",
    "use({ Deno });": "Deno",
    "const all = { ...Deno };": "Deno",
    "(0, Deno).env;": "Deno",
    "Deno[name];": "Deno",
    "export default Deno;": "Deno",
    "export = Deno;": "Deno",
    "function f(d = Deno) {}": "Deno",
    "enum E { A = Deno.pid }": "Deno.pid",
    "globalThis.Deno.env;": "Deno.env",
    'globalThis["Deno"]["env"];': "Deno.env",
    "(globalThis as any).Deno.env;": "Deno.env",
    "(<any> globalThis).Deno.env;": "Deno.env",
    "(globalThis satisfies object)!.Deno?.env;": "Deno.env",
    "self.globalThis.window.Deno.env;": "Deno.env",
    "(globalThis?.Deno).env;": "Deno.env",
    "const d = globalThis.Deno;": "Deno",
    "const { env } = (self as any).Deno;": "Deno",
    "const g = globalThis;": "globalThis",
    "const { Deno: d } = globalThis;": "globalThis",
    "globalThis[name];": "globalThis",
    "Reflect.get(self, name);": "globalThis",
    "await fetch(x);": "fetch",
    "fetch(x).then(y);": "fetch",
    "globalThis.fetch(x);": "fetch",
    'globalThis["fetch"](x);': "fetch",
    "self.fetch(x);": "fetch",
    "const get = fetch;": "fetch",
    "const get = fetch<X>;": "fetch",
    "enum E { A = fetch }": "fetch",
    "use({ fetch });": "fetch",
    "`${fetch}`;": "fetch",
    "function f(fetch: X) {}\nfetch(x);": "fetch",
    "{ const fetch = 1; }\nfetch(x);": "fetch",
    "const f = (get = fetch) => 1;": "fetch",
    "new Worker(x);": "Worker",
    'new Worker("data:text/javascript,");': "Worker",
    "const W = Worker;": "Worker",
    "new Response(x);": "Response",
    "Response.json(x);": "Response",
    "new WebSocket(x);": "WebSocket",
    "new BroadcastChannel(x);": "BroadcastChannel",
    "localStorage.x = 1;": "localStorage",
    "process.env;": "process",
    "globalThis.process.env;": "process",
    "eval(x);": "eval",
    "(0, eval)(x);": "eval",
    "new Function(x);": "Function",
    "btoa(x);": "btoa",
    'Buffer.from(x, "hex");': "Buffer",
    "console.log(x);": "console",
    "self.onmessage = x;": "onmessage",
    'import.meta.resolve("x");': "import.meta.resolve",
    "import.meta.dirname;": "import.meta.dirname",
    "new URL(x, import.meta.url);": "import.meta.url",
    "const m = import.meta;": "import.meta",
  };
  for (const [source, name] of Object.entries(cases)) {
    const [breach, ...more] = breaches("src/jobs/x.ts", source);
    assert.deepEqual(more, [], source);
    assert.equal(breach?.replace("Sync", ""), `may not name ${name}`, source);
  }
});

Deno.test("rooms/borders finds members and texts", () => {
  const cases: Record<string, string> = {
    "bytes.toBase64();": "toBase64",
    'bytes["toBase64"]();': "toBase64",
    "Uint8Array.fromBase64(x);": "fromBase64",
    "const { fromBase64 } = Uint8Array;": "fromBase64",
    "port.postMessage(x);": "postMessage",
    "(() => {}).constructor(x);": "constructor",
    'x.toString("base64");': "base64",
    'env["OTEL_SDK_DISABLED"];': "OTEL_SDK_DISABLED",
    "env.OTEL_SDK_DISABLED;": "OTEL_SDK_DISABLED",
    "use({ OTEL_SDK_DISABLED: x });": "OTEL_SDK_DISABLED",
    "const { OTEL_SDK_DISABLED: x } = env;": "OTEL_SDK_DISABLED",
    "`OTEL_${name}`;": "OTEL_",
    "/^OTEL_.*$/.test(x);": "^OTEL_.*$",
    'env["NOTIFY_SOCKET"];': "NOTIFY_SOCKET",
    '"WATCHDOG_USEC";': "WATCHDOG_USEC",
    '"JOBRUNNER_CMD";': "JOBRUNNER_CMD",
    "`JOBRUNNER_${name}`;": "JOBRUNNER_",
    "use({ JOBRUNNER_CMD: x });": "JOBRUNNER_CMD",
    "env.JOBRUNNER_CMD;": "JOBRUNNER_CMD",
    '"/proc/self/environ";': "/proc/self/environ",
    '"\\x2fproc/self";': "/proc/self",
    '"/proc";': "/proc",
    "`${root}/proc/${pid}`;": "/proc/",
    "/\\/proc\\/[0-9]+/;": "/proc/[0-9]+",
    '"taskkill";': "taskkill",
    'let x: "OTEL_SDK_DISABLED";': "OTEL_SDK_DISABLED",
  };
  for (const [source, name] of Object.entries(cases)) {
    assert.deepEqual(breaches("src/jobs/x.ts", source), [`may not name ${name}`], source);
  }
});

Deno.test("rooms/borders reports code that hides something from it", () => {
  const computed = "import() of what is not a string literal";
  const empty = "an empty statement, and what follows it";
  const declared = "a declaration for the compiler only";
  const cases: Record<string, string> = {
    "await import(x);": computed,
    "await import(`../exec/run.ts`);": computed,
    'await import("../exec/" + x);': computed,
    'import run = require("../exec/run.ts");': "import … = …",
    'import type x = require("../exec/run.ts");': "import … = …",
    "import env = Deno.env;": "import … = …",
    "export import env = Deno.env;": "import … = …",
    "namespace N {}": "a namespace or a module declaration",
    "declare global {}": "a namespace or a module declaration",
    ";Deno.kill(1);": empty,
    "a;\n; // nothing\nDeno.kill(1);": empty,
    "function f() { ;Deno.kill(1); }": empty,
    "const f = () => { a; /* ; */ ;Deno.kill(1); };": empty,
    "switch (a) { case 1: ;Deno.kill(1); break; }": empty,
    "switch (a) { default: ;Deno.kill(1); }": empty,
    "class A { static { ;Deno.kill(1); } }": empty,
    "declare const Deno: X;\nDeno.kill(1);": declared,
    "export declare const fetch: X;\nfetch(1);": declared,
    "declare function fetch(): void;": declared,
    "declare class Response {}\nnew Response();": declared,
    "declare enum E {}": declared,
  };
  for (const [source, what] of Object.entries(cases)) {
    assert.ok(breaches("src/jobs/x.ts", source).includes(`hides what it uses: ${what}`), source);
  }
});

Deno.test("rooms/borders accepts what only looks like a breach", () => {
  for (
    const source of [
      '// Deno.kill(1); import "../exec/run.ts"; fetch(x)\n/* Deno.env; /proc/ OTEL_X */',
      '"Deno.kill(1)"; \'import "../exec/run.ts"\'; `await fetch(${x})`;',
      "/Deno.kill|fetch/.test(x);",
      "const fetch = createRoutes();\nfetch(x);",
      "function f(fetch: () => void) { return fetch(); }",
      "const f = ({ fetch }) => fetch(x);",
      "const f = ({ get: fetch = 1, ...Response }) => [fetch, Response];",
      "const f = ([fetch]) => () => { if (x) fetch(y); };",
      "for (const process of processes) use(process);",
      "for (const process in processes) use(process);",
      "for (let process = 0; process < 1; process++) {}",
      "class A { static { const fetch = 1; fetch(); } }",
      "try { x(); } catch (process) { use(process); }",
      "class Buffer {}\nnew Buffer();",
      'import { fetch } from "./own.ts";\nfetch(x);',
      "export function close() {}\nclose();",
      "class Line { constructor(private readonly process: X) { use(process); } }",
      "x.kill(); x.env; x.fetch(); x.Deno; app.fetch(y); log.process;",
      "use({ kill: 1, fetch: 2, fetch() {}, Deno: 3 });",
      "class X { fetch = 1; process() {} get close() { return 1; } accessor prompt = 1; }",
      'const get = 1;\nexport { get as fetch };\nexport { process } from "./own.ts";',
      'export * as fetch from "./own.ts";',
      "interface X { fetch: string; close(): void; prompt(process: string): void }",
      "let x: Deno.Addr; let y: typeof Deno.kill; let z: Response; let p: (process: X) => void;",
      "type fetch = 1; type Y = { [process in X]: 1 }; type Z = ({ process }: X) => void;",
      "enum E { fetch, process }",
      "process: for (;;) { if (x) break process; continue process; }",
      "Deno.build.os; x instanceof Deno.errors.NotFound; globalThis.Deno.build;",
      "globalThis.structuredClone(x); import.meta.main;",
      "while (x);\nfor (;;) { y; }\nfunction g(): void;\nfunction g(z?: 1) {}",
      "{ a; /* ; */ }\nfunction f() { // ;\n}",
      'switch (a) { case ";": case 1: b(); }',
      '"limit JOBRUNNER_QUEUE_LIMIT"; "base64 of x"; "processes"; "/process/";',
      'import { join } from "node:path";',
    ]
  ) assert.deepEqual(breaches("src/jobs/x.ts", source), [], source);
});

Deno.test("rooms/borders reports a file outside every room, and ignores files outside the program", () => {
  assert.deepEqual(breaches("src/helpers.ts", ""), ["is in no room"]);
  assert.deepEqual(breaches("src/http.ts", ""), ["is in no room"]);
  assert.deepEqual(breaches("src/utils/x.ts", "Deno.kill(1);"), ["is in no room"]);
  assert.deepEqual(breaches("main.ts", "Deno.kill(1);"), ["may not name Deno.kill"]);
  for (const path of ["test/x.ts", "tools/x.ts", "bench/src/x.ts", "contrib/main.ts"]) {
    assert.deepEqual(breaches(path, 'Deno.kill(1); import "../exec/run.ts";'), []);
  }
});

Deno.test("rooms/borders reports a breach in these tests despite an ignore comment", () => {
  for (
    const comment of ["ignore rooms/borders", "ignore", "ignore-file", "ignore-file rooms/borders"]
  ) {
    const source = `// deno-lint-${comment}\nDeno.kill(1);`;
    assert.deepEqual(breaches("src/jobs/x.ts", source), ["may not name Deno.kill"], comment);
  }
});
