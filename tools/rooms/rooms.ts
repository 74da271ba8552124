/**
 * The tables of the rooms guard: what each room of `docs/design.md` may import, and which files may name which outside thing.
 *
 * A name that ends in `.ts` is a file (`http/routes.ts` is `src/http/routes.ts`), any other is a room and all its files.
 *
 * @module
 */

/** Rooms and files that may name something. */
export type Who = readonly string[] | "everyone";

/** Things, and the files that may name them. */
export interface Row<What> {
  readonly what: readonly What[];
  readonly who: Who;
}

/**
 * The rooms from the lowest to the highest, and what each may import: by the folder of `src` it is in (`src` and `.` for what is
 * in no room), files relative to it; `*` stands for all of them. After `type:` only types may be imported. Every room may import
 * itself.
 */
export const rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  async: {},
  "version.ts": { ".": ["deno.json"] },
  jobs: { async: ["*"] },
  wire: { async: ["*"], jobs: ["type:*"] },
  config: { async: ["*"], wire: ["*"] },
  spool: { jobs: ["job.ts"] },
  exec: {
    async: ["*"],
    config: ["job_variables.ts", "settings.ts", "shown.ts", "type:*"],
    jobs: ["*"],
    spool: ["*"],
  },
  isolate: {
    config: ["authority.ts", "max_commands.ts", "shown.ts", "type:*"],
    exec: ["type:*"],
    jobs: ["job.ts", "type:*"],
    spool: ["spool.ts"],
  },
  telemetry: {
    async: ["*"],
    config: ["shown.ts", "type:*"],
    isolate: ["type:*"],
    jobs: ["*"],
    wire: ["*"],
  },
  http: {
    async: ["*"],
    config: ["authority.ts"],
    isolate: ["type:*"],
    jobs: ["*"],
    spool: ["inbox.ts", "type:*"],
    telemetry: ["ids.ts", "type:*"],
    wire: ["*"],
  },
  cluster: {
    src: ["version.ts"],
    async: ["*"],
    config: ["type:*"],
    jobs: ["*"],
    spool: ["type:*"],
  },
  machine: { isolate: ["type:*"], spool: ["spool.ts"] },
  cli: {
    async: ["*"],
    config: ["flags.ts", "shown.ts"],
    machine: ["file_beginning.ts"],
    wire: ["*"],
  },
  app: {
    src: ["version.ts"],
    async: ["*"],
    cluster: ["entry.ts", "type:cluster.ts", "type:host.ts", "type:report.ts"],
    config: ["authority.ts", "stdin.ts", "type:*"],
    exec: ["*"],
    http: ["*"],
    isolate: ["ask.ts", "start_error.ts", "type:*"],
    jobs: ["*"],
    spool: ["*"],
    telemetry: ["*"],
    wire: ["*"],
  },
  "service.ts": {
    app: ["app.ts"],
    isolate: ["*"],
  },
  supervisor: {
    src: ["service.ts", "version.ts"],
    app: ["app.ts"],
    async: ["*"],
    config: [
      "environment.ts",
      "file/config_file.ts",
      "fixed.ts",
      "max_commands.ts",
      "parse.ts",
      "settings.ts",
      "shown.ts",
      "stdin.ts",
      "type:*",
    ],
    exec: ["child_env.ts", "start.ts", "warm/block.ts", "type:*"],
    isolate: ["*"],
    jobs: ["type:*"],
    machine: ["*"],
    spool: ["*"],
    telemetry: ["log.ts"],
  },
  "main.ts": {
    src: ["version.ts"],
    cli: ["send.ts", "send_failure.ts", "token.ts", "wait_file.ts"],
    config: ["*"],
    supervisor: ["check.ts", "config_reader.ts", "supervisor.ts", "surroundings.ts"],
  },
};

/** What the runtime offers; `Deno.open` stands for `Deno.openSync` too. No file may name what is in no row. */
export const runtime: readonly Row<string>[] = [
  { what: ["Deno.build", "Deno.errors"], who: "everyone" },
  { what: ["Deno.args", "Deno.exit"], who: ["main.ts"] },
  { what: ["Deno.version"], who: ["main.ts", "app"] },
  {
    what: ["Deno.env"],
    who: ["main.ts", "supervisor/surroundings.ts", "isolate/probes.ts"],
  },
  { what: ["Deno.stdin"], who: ["cli", "supervisor/signals.ts"] },
  { what: ["Deno.stdout"], who: ["cli", "supervisor/signals.ts"] },
  {
    what: ["Deno.stderr"],
    who: ["cli", "telemetry", "supervisor/signals.ts", "supervisor/surroundings.ts"],
  },
  { what: ["Deno.cwd", "Deno.gid", "Deno.uid", "Deno.watchFs"], who: ["supervisor"] },
  { what: ["Deno.hostname"], who: ["supervisor/surroundings.ts"] },
  { what: ["Deno.pid"], who: ["machine", "supervisor", "cli/partial_file.ts"] },
  { what: ["Deno.kill"], who: ["machine/process_tree.ts", "cli/partial_file.ts"] },
  {
    what: ["Deno.addSignalListener", "Deno.removeSignalListener"],
    who: ["supervisor/signals.ts", "cli/partial_file.ts"],
  },
  { what: ["Deno.memoryUsage"], who: ["machine/process_figures.ts"] },
  { what: ["Deno.dlopen"], who: ["machine/debugger.ts", "machine/monotonic.ts"] },
  { what: ["Deno.unrefTimer"], who: ["isolate/threads.ts"] },
  {
    what: ["Deno.Command"],
    who: [
      "exec/start.ts",
      "machine",
      "supervisor/launchers.ts",
      "supervisor/server_folder.ts",
      "isolate/probes.ts",
    ],
  },
  { what: ["Deno.SeekMode"], who: ["spool/kept_file.ts", "spool/stored.ts", "cli/held_bytes.ts"] },
  { what: ["Deno.serve"], who: ["http/server.ts"] },
  { what: ["Deno.createHttpClient"], who: ["cli/job_client.ts"] },
  { what: ["Deno.makeTempFile"], who: ["cli/held_bytes.ts", "spool/workspace.ts"] },
  {
    what: ["Deno.connect"],
    who: ["cluster/transport.ts", "isolate/probes.ts", "supervisor/listen_socket.ts"],
  },
  { what: ["Deno.connectTls", "Deno.startTls"], who: ["cluster/transport.ts"] },
  { what: ["Deno.listen"], who: ["isolate/probes.ts"] },
  { what: ["Deno.listenDatagram"], who: ["supervisor/notifier.ts"] },
  { what: ["Deno.stat"], who: ["cli", "supervisor"] },
  { what: ["Deno.realPath"], who: ["cli", "supervisor", "spool/job_folder.ts"] },
  {
    what: ["Deno.readFile", "Deno.readTextFile", "Deno.readLink"],
    who: ["cli", "machine", "supervisor", "isolate/probes.ts"],
  },
  {
    what: [
      "Deno.chmod",
      "Deno.chown",
      "Deno.lstat",
      "Deno.mkdir",
      "Deno.open",
      "Deno.readDir",
      "Deno.remove",
      "Deno.rename",
      "Deno.utime",
      "Deno.writeFile",
      "Deno.writeTextFile",
    ],
    who: [
      "spool",
      "cli",
      "machine",
      "supervisor/launchers.ts",
      "supervisor/listen_socket.ts",
      "supervisor/server_folder.ts",
      "supervisor/signals.ts",
      "isolate/probes.ts",
    ],
  },
];

/** Global names; those in no row are free. `globalThis` is the global object as a whole, by any of its names. */
export const globals: readonly Row<string>[] = [
  { what: ["globalThis"], who: ["service.ts"] },
  { what: ["addEventListener"], who: ["isolate/bugs.ts"] },
  { what: ["console"], who: ["main.ts", "cli"] },
  { what: ["fetch"], who: ["cli/exchange.ts"] },
  { what: ["Response"], who: ["http"] },
  { what: ["Worker"], who: ["supervisor/isolate.ts", "isolate/permissions.ts"] },
  {
    what: [
      // ways to the network and to other isolates
      "BroadcastChannel",
      "EventSource",
      "MessageChannel",
      "SharedWorker",
      "WebSocket",
      "WebSocketStream",
      "WebTransport",
      "XMLHttpRequest",
      "caches",
      "close",
      "importScripts",
      "onmessage",
      "postMessage",
      "removeEventListener",
      // files of the runtime's own
      "indexedDB",
      "localStorage",
      "sessionStorage",
      // questions at the terminal
      "alert",
      "confirm",
      "prompt",
      // code out of text, and other names of what is guarded
      "Buffer",
      "Function",
      "WebAssembly",
      "atob",
      "btoa",
      "eval",
      "process",
      "require",
      // the place of the code; `new URL("file", import.meta.url)` counts as an import of that file
      "import.meta",
      "import.meta.dirname",
      "import.meta.filename",
      "import.meta.resolve",
      "import.meta.url",
    ],
    who: [],
  },
];

/** Members of whatever object; those in no row are free. */
export const members: readonly Row<string>[] = [
  { what: ["fromBase64"], who: ["wire", "cluster/streams.ts", "supervisor/launcher.ts"] },
  { what: ["setFromBase64", "toBase64"], who: ["wire"] },
  { what: ["postMessage"], who: ["service.ts", "supervisor/isolate.ts"] },
  // on a function it is another way to `Function`
  { what: ["constructor"], who: [] },
];

/** Packages and modules of the runtime, or single names of them. No file may import what is in no row. */
export const packages: readonly Row<string>[] = [
  { what: ["@fastify/busboy"], who: ["cli/form_result.ts", "http/body/multipart.ts"] },
  { what: ["@nats-io/nats-core"], who: ["cluster/nats.ts"] },
  { what: ["@opentelemetry"], who: ["telemetry"] },
  { what: ["content-disposition"], who: ["wire/parameters.ts"] },
  { what: ["hono"], who: ["http/routes.ts", "http/answer/error_answers.ts"] },
  { what: ["shlex"], who: ["config/command.ts"] },
  { what: ["smol-toml"], who: ["config/file/config_file.ts"] },
  { what: ["node:path"], who: "everyone" },
  { what: ["node:buffer.Buffer"], who: ["supervisor/server_folder.ts", "wire/result.ts"] },
  { what: ["node:buffer.isUtf8"], who: ["wire/utf8.ts", "supervisor/surroundings.ts"] },
  {
    what: ["node:crypto.createHash"],
    who: [
      "config/files.ts",
      "http/auth.ts",
      "http/body/passing.ts",
      "supervisor/config_reader.ts",
    ],
  },
  {
    what: ["node:crypto.X509Certificate", "node:crypto.createPrivateKey"],
    who: ["http/tls_pair.ts"],
  },
  { what: ["node:crypto.hash"], who: ["app/pool_host.ts", "http/auth.ts"] },
  { what: ["node:crypto.timingSafeEqual"], who: ["http/auth.ts"] },
  { what: ["node:fs.accessSync"], who: ["supervisor/surroundings.ts"] },
  {
    what: ["node:fs.constants"],
    who: ["supervisor/surroundings.ts", "spool/regular_file.ts"],
  },
  { what: ["node:fs.fstatSync", "node:fs.openSync"], who: ["spool/regular_file.ts"] },
  { what: ["node:fs.readSync"], who: ["spool/regular_file.ts", "spool/response.ts"] },
  { what: ["node:fs.statfsSync"], who: ["supervisor/spool_room.ts"] },
  {
    what: ["node:fs.closeSync", "node:fs.read"],
    who: ["spool/regular_file.ts", "spool/response.ts", "spool/stored.ts"],
  },
  { what: ["node:net.BlockList"], who: ["wire/networks.ts"] },
  {
    what: ["node:net.isIP"],
    who: [
      "config/listening.ts",
      "config/nats_url.ts",
      "http/forwarded.ts",
      "http/guard.ts",
      "wire/networks.ts",
    ],
  },
  { what: ["node:net.isIPv6"], who: ["wire/host_name.ts"] },
  { what: ["node:os.getPriority"], who: ["supervisor/launchers.ts"] },
  { what: ["node:os.tmpdir"], who: ["supervisor/surroundings.ts"] },
  { what: ["node:os.userInfo"], who: ["supervisor/check.ts"] },
  { what: ["node:process"], who: ["machine/process_figures.ts"] },
  { what: ["node:timers.setImmediate"], who: ["supervisor/pace.ts"] },
  { what: ["node:util.parseArgs"], who: ["config/flags.ts"] },
  {
    what: ["node:util.promisify"],
    who: ["spool/regular_file.ts", "spool/response.ts", "spool/stored.ts"],
  },
];

/** Texts in strings, templates and regular expressions, and keys that are written like a variable's name; the others are free. */
export const texts: readonly Row<RegExp>[] = [
  { what: [/OTEL_/], who: ["config", "exec/child_env.ts", "isolate/permissions.ts"] },
  {
    what: [/NOTIFY_SOCKET|WATCHDOG_/],
    who: ["supervisor/notifier.ts", "config/help.ts", "exec/child_env.ts"],
  },
  {
    what: [/^JOBRUNNER_/],
    who: ["config", "exec/child_env.ts", "spool/spool.ts", "cli/send_options.ts"],
  },
  { what: [/^base64(url)?$/], who: ["wire/tokens.ts"] },
  { what: [/^\/proc(\/|$)|\/proc\//], who: ["machine", "supervisor", "cli/output_target.ts"] },
  { what: [/^ps$|taskkill/], who: ["machine"] },
];
