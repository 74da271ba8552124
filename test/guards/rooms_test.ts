/**
 * The arrows between the rooms of `docs/design.md`, and the outside things that each room alone may name.
 */

import assert from "node:assert/strict";
import { projectRoot } from "../support/program.ts";

/** What a room may import; `type:` means types only. Every room may import itself. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  async: [],
  version: [],
  jobs: ["async"],
  wire: ["async", "jobs"],
  config: ["wire"],
  spool: ["type:jobs"],
  exec: ["async", "jobs", "config", "spool"],
  isolate: ["config", "jobs", "spool", "type:exec"],
  telemetry: ["async", "config", "jobs", "wire", "type:isolate"],
  http: ["async", "jobs", "wire", "config", "telemetry/ids", "type:isolate", "type:telemetry"],
  machine: ["spool/spool", "type:isolate"],
  app: [
    "async",
    "jobs",
    "wire",
    "config",
    "spool",
    "exec",
    "isolate",
    "telemetry",
    "http",
    "version",
  ],
  supervisor: [
    "async",
    "config",
    "spool",
    "isolate",
    "machine",
    "version",
    "app",
    "telemetry/log",
    "exec/child_env",
    "type:jobs",
    "type:exec",
  ],
  service: ["isolate", "app"],
  cli: ["async", "wire", "config/flags", "config/shown", "machine/file_beginning"],
  main: ["config", "version", "supervisor", "cli"],
};

/** Outside things, and the rooms (or files) that may name them. */
const outsideThings: readonly { readonly what: RegExp; readonly who: readonly string[] }[] = [
  { what: /\bDeno\.(args|env|exit)\b/, who: ["main", "supervisor/surroundings", "isolate/probes"] },
  { what: /\bOTEL_[A-Z_]+/, who: ["config", "exec/child_env"] },
  {
    what: /\b(NOTIFY_SOCKET|WATCHDOG_)/,
    who: ["supervisor/notifier", "config/help", "exec/child_env"],
  },
  {
    what: /"JOBRUNNER_|\bJOBRUNNER_[A-Z_]+:/,
    who: ["config", "exec/child_env", "spool/spool", "cli/send_options"],
  },
  { what: /\b(to|from)Base64\b|\bbtoa\b|\batob\b/, who: ["wire", "supervisor/launcher"] },
  { what: /\bpostMessage\b/, who: ["service", "supervisor/worker"] },
  {
    what: /\bDeno\.(addSignalListener|removeSignalListener|kill)\b|\btaskkill\b/,
    who: ["supervisor", "machine"],
  },
  { what: /\/proc\//, who: ["supervisor", "machine", "cli/output_file"] },
  { what: /\bDeno\.Command\b/, who: ["exec", "supervisor", "machine", "isolate/probes"] },
  { what: /\bDeno\.dlopen\b/, who: ["machine/debugger"] },
  {
    what: /\bDeno\.(open|write\w*|remove|mkdir|lstat|rename|utime|readDir|makeTemp\w*)(Sync)?\(/,
    who: [
      "spool",
      "cli",
      "machine",
      "isolate/probes",
      "supervisor/server_folder",
      "supervisor/folders",
    ],
  },
  { what: /\bDeno\.serve\b|\bnew Response\b|"hono/, who: ["http"] },
  { what: /"@opentelemetry\/|"@logtape\//, who: ["telemetry"] },
  { what: /\bawait fetch\(/, who: ["cli"] },
];

/** `src/http/routes.ts` is `http/routes`; its room is `http`. */
function nameOf(path: string): string {
  return path.replace(/^src\//, "").replace(/\.ts$/, "");
}

function roomOf(name: string): string {
  return name.split("/")[0] ?? name;
}

/** One line per breach of the rules, for sources by path. */
function breaches(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [path, source] of sources) {
    const name = nameOf(path);
    const room = roomOf(name);
    const allowed = arrows[room];
    if (!allowed) {
      found.push(`${path}: ${room} is no room of the design`);
      continue;
    }
    for (
      const { groups = {} } of source.matchAll(
        /^(?:import|export)(?<type> type)?\s[^;]*?from "(?<to>\.[^"]+)"/gm,
      )
    ) {
      const target = nameOf(new URL(groups["to"] ?? "", `file:///${path}`).pathname.slice(1));
      const targetRoom = roomOf(target);
      const ways = [targetRoom, target, ...(groups["type"] ? [`type:${targetRoom}`] : [])];
      if (
        targetRoom !== room && target !== "deno.json" && !ways.some((way) => allowed.includes(way))
      ) {
        found.push(`${path}: imports ${target}`);
      }
    }
    const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    for (const { what, who } of outsideThings) {
      const match = what.exec(code);
      if (match && !who.includes(room) && !who.includes(name)) {
        found.push(`${path}: names ${match[0]}`);
      }
    }
  }
  return found;
}

function projectSources(): Map<string, string> {
  const sources = new Map<string, string>();
  const visit = (folder: string) => {
    for (const entry of Deno.readDirSync(`${projectRoot}${folder}`)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) visit(path);
      else if (path.endsWith(".ts")) {
        sources.set(path, Deno.readTextFileSync(`${projectRoot}${path}`));
      }
    }
  };
  visit("src");
  sources.set("main.ts", Deno.readTextFileSync(`${projectRoot}main.ts`));
  return sources;
}

Deno.test("the rooms keep to the design's arrows, and each names only its own outside things", () => {
  const sources = projectSources();
  assert.ok(sources.size > 20);
  assert.deepEqual(breaches(sources), []);
});

Deno.test("each kind of breach is found", () => {
  const cases: [string, string, string][] = [
    ["src/http/x.ts", 'import { run } from "../exec/run.ts";', "imports exec/run"],
    ["src/http/x.ts", 'import { openLog } from "../telemetry/log.ts";', "imports telemetry/log"],
    ["src/async/x.ts", 'import {\n  createPool,\n} from "../jobs/pool.ts";', "imports jobs/pool"],
    ["src/jobs/job.ts", 'export { x } from "../wire/wire.ts";', "imports wire/wire"],
    ["src/exec/x.ts", "Deno.kill(1);", "names Deno.kill"],
    ["src/app/app.ts", "const name = Deno.env.get(x);", "names Deno.env"],
    ["src/http/x.ts", "text.toBase64()", "names toBase64"],
    ["src/app/app.ts", "new Deno.Command(x)", "names Deno.Command"],
    ["src/supervisor/x.ts", "Deno.dlopen(x)", "names Deno.dlopen"],
    ["src/wire/wire.ts", "new Response(x)", "names new Response"],
    ["src/helpers.ts", "", "helpers is no room of the design"],
  ];
  for (const [path, source, breach] of cases) {
    assert.deepEqual(breaches(new Map([[path, source]])), [`${path}: ${breach}`]);
  }
  assert.deepEqual(
    breaches(
      new Map([["src/http/x.ts", '// Deno.kill\nimport type { Log } from "../telemetry/log.ts";']]),
    ),
    [],
  );
});
