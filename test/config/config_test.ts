import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { parseCommandLine } from "../../src/config/sources.ts";
import { oneLine } from "../../src/config/shown.ts";
import { configure, type Disk, machine } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

function config(env: Record<string, string>, args: string[] = [], disk: Disk = {}): Config {
  const result = configure(env, { args, disk });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

function faults(
  env: Record<string, string>,
  args: string[] = [],
  disk: Disk = {},
): readonly string[] {
  const result = configure(env, { args, disk });
  assert.ok(!result.ok, "the configuration was accepted");
  return result.faults;
}

function faultsOrNone(env: Record<string, string>): readonly string[] {
  const result = configure(env);
  return result.ok ? [] : result.faults;
}

Deno.test("defaults are those of the contract", () => {
  const { work: { command, ...work }, ...rest } = config(cmd);
  assert.equal(command.program, "/bin/date");
  assert.deepEqual(work, {
    jobs: { numWorkers: 3, queueLimit: 30, queueTimeoutMs: Infinity, onDisconnect: "cancel" },
    run: {
      jobTimeoutMs: Infinity,
      maxOutputBytes: 104857600,
      requestSuffix: "",
      responseSuffix: "",
    },
  });
  assert.deepEqual(rest, {
    http: {
      address: "127.0.0.1",
      port: 8080,
      tls: undefined,
      passwordDigest: undefined,
      hostNames: ["127.0.0.1"],
      maxRequestBytes: 104857600,
      requestTimeoutMs: 60000,
      maxBufferedBytes: 1073741824,
      answerTimeoutMs: 60000,
      accessLog: false,
    },
    spool: { parent: "/tmp" },
    launcher: { ownSession: true, parents: ["/tmp"] },
    sandbox: true,
    stopping: { killGraceMs: 5000, drainTimeoutMs: 30000 },
    log: { format: "json", level: "info" },
    tracing: undefined,
  });
});

Deno.test("a configuration is frozen, with all records and lists in it", () => {
  const all = config({ ...cmd, JOBRUNNER_PASSWORD: "x", OTEL_TRACES_EXPORTER: "otlp" });
  const visit = (value: unknown) => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
    assert.ok(Object.isFrozen(value), Deno.inspect(value));
    Object.values(value).forEach(visit);
  };
  visit(all);
});

Deno.test("the queue limit follows the workers unless it is set", () => {
  assert.equal(config({ ...cmd, JOBRUNNER_NUM_WORKERS: "7" }).work.jobs.queueLimit, 70);
  assert.equal(
    config({ ...cmd, JOBRUNNER_NUM_WORKERS: "7", JOBRUNNER_QUEUE_LIMIT: "0" }).work.jobs.queueLimit,
    0,
  );
});

Deno.test("0 means no limit where it is a limit", () => {
  const all = config({
    ...cmd,
    JOBRUNNER_MAX_REQUEST_BYTES: "0",
    JOBRUNNER_MAX_BUFFERED_BYTES: "0",
    JOBRUNNER_MAX_OUTPUT_BYTES: "0",
    JOBRUNNER_REQUEST_TIMEOUT_SEC: "0",
    JOBRUNNER_ANSWER_TIMEOUT_SEC: "0",
  });
  assert.deepEqual(
    [
      all.http.maxRequestBytes,
      all.http.maxBufferedBytes,
      all.work.run.maxOutputBytes,
      all.http.requestTimeoutMs,
      all.http.answerTimeoutMs,
    ],
    [500 * 2 ** 20, Infinity, Infinity, Infinity, Infinity],
  );
});

Deno.test("an empty variable counts as not set", () => {
  assert.equal(
    config({ ...cmd, JOBRUNNER_NUM_WORKERS: "", JOBRUNNER_HTTP_LISTEN_ADDRESS: "" }).work.jobs
      .numWorkers,
    3,
  );
});

Deno.test("flags win over the environment", () => {
  const env = { ...cmd, JOBRUNNER_NUM_WORKERS: "2", JOBRUNNER_REQUEST_TIMEOUT_SEC: "1" };
  const all = config(env, ["--num-workers=5", "--request-timeout-sec", "0.25"]);
  assert.equal(all.work.jobs.numWorkers, 5);
  assert.equal(all.http.requestTimeoutMs, 250);
});

Deno.test("every fault is reported at once, one line each, in one grammar", () => {
  assert.deepEqual(
    faults({
      JOBRUNNER_NUM_WORKERS: "0",
      JOBRUNNER_HTTP_LISTEN_PORT: "http",
      JOBRUNNER_HTTP_LISTEN_ADDRESS: "not an address",
      JOBRUNNER_QUEUE_LIMIT: "-1",
      JOBRUNNER_LOG_LEVEL: "loud",
      JOBRUNNER_SANDBOX: "maybe",
      JOBRUNNER_OWN_SESSION: "off",
      JOBRUNNER_MAX_OUTPUT_BYTES: "1e6",
      JOBRUNNER_SPOOL_DIR: "nowhere",
      JOBRUNNER_TLS_KEY_FILE: "/key",
      LD_PRELOAD: "evil.so",
      LD_EMPTY: "",
    }, ["--request-timeout-sec=soon", "stray", "--nonsense=x", "--log-format"]),
    [
      "stray: unexpected argument: the command goes after --",
      "--nonsense: must be a flag of jobrunner serve: see jobrunner --help",
      "--log-format: must be given a value: text or json",
      "JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…)",
      "JOBRUNNER_NUM_WORKERS=0: must be a whole number from 1 to 1024",
      "JOBRUNNER_HTTP_LISTEN_ADDRESS=not an address: must be an IP address or a host name",
      "JOBRUNNER_SANDBOX=maybe: must be on or off",
      "LD_PRELOAD: must be unset while the sandbox is on, or no command could start: unset it, or set JOBRUNNER_SANDBOX=off",
      "JOBRUNNER_QUEUE_LIMIT=-1: must be a whole number from 0 to 1000000",
      "JOBRUNNER_HTTP_LISTEN_PORT=http: must be a whole number from 0 to 65535",
      "JOBRUNNER_TLS_CERT_FILE=: must be set when JOBRUNNER_TLS_KEY_FILE is",
      "JOBRUNNER_TLS_KEY_FILE=/key: must be a readable PEM file that holds a private key (No such file)",
      "--request-timeout-sec=soon: must be a number of seconds from 0 to 2147483",
      "JOBRUNNER_MAX_OUTPUT_BYTES=1e6: must be a whole number from 0 to 1099511627776",
      "JOBRUNNER_SPOOL_DIR=nowhere: must be an existing folder",
      "JOBRUNNER_LOG_LEVEL=loud: must be debug or info or warning or error",
    ],
  );
});

Deno.test("a fault stays one line and never shows a secret", () => {
  const [first = "", second] = faults({
    ...cmd,
    JOBRUNNER_NUM_WORKERS: "1\n2",
    JOBRUNNER_PASSWORD: " hunter2",
  });
  assert.equal(first, "JOBRUNNER_NUM_WORKERS=1\\n2: must be a whole number from 1 to 1024");
  assert.match(second ?? "", /^JOBRUNNER_PASSWORD=\*\*\*: must be text without control characters/);
});

Deno.test("a variable that is not UTF-8 is a fault if it is ours, else a warning", () => {
  const machineWith = (undecodable: string[]) =>
    parseConfig(cmd, parseCommandLine([]), { ...machine(), undecodable });
  const ours = machineWith(["JOBRUNNER_PASSWORD", "OTHER"]);
  assert.ok(!ours.ok);
  assert.deepEqual(ours.faults, ["JOBRUNNER_PASSWORD: must be UTF-8 text"]);
  const other = machineWith(["OTHER"]);
  assert.ok(other.ok);
  assert.deepEqual(other.warnings, ["OTHER is not UTF-8 text: commands do not see it"]);
});

Deno.test("an unknown flag and its value are one fault, a name of Object.prototype is no flag", () => {
  assert.deepEqual(faults(cmd, ["--num-worker", "7"]).length, 1);
  assert.match(faults(cmd, ["--constructor"]).join(), /^--constructor: must be a flag/);
});

Deno.test("suffixes of file names are taken as they are, up to 32 bytes", () => {
  const { requestSuffix, responseSuffix } = config(
    { ...cmd, JOBRUNNER_REQUEST_SUFFIX: ".tar.gz" },
    ["--response-suffix= x (1).gif"],
  ).work.run;
  assert.deepEqual([requestSuffix, responseSuffix], [".tar.gz", " x (1).gif"]);
  for (const fine of ["gif", "_%d.GIF", "..x", "x".repeat(32), "€".repeat(10), "😀".repeat(8)]) {
    assert.equal(config({ ...cmd, JOBRUNNER_REQUEST_SUFFIX: fine }).work.run.requestSuffix, fine);
  }
});

Deno.test("a suffix that some system does not take is a fault on every system, one line per broken rule", () => {
  const wanted = "must be the end of a file's name, such as .png";
  const reserved = (character: string) =>
    `it holds ${character}, which not every system allows in the name of a file`;
  const cases: [string, ...string[]][] = [
    ["x".repeat(33), "it has 33 bytes, more than 32"],
    ["€".repeat(11), "it has 33 bytes, more than 32"],
    ["a\0b", "it holds a control character"],
    ["\n.gif", "it holds a control character"],
    ["\u0085x", "it holds a control character"],
    ...[...'<>:"/\\|?*'].map((it): [string, string] => [`.${it}x`, reserved(it)]),
    [".", "it ends in a dot or a space, which Windows drops"],
    [".gif ", "it ends in a dot or a space, which Windows drops"],
    [
      "/../\x7f.",
      "it holds a control character",
      reserved("/"),
      "it ends in a dot or a space, which Windows drops",
    ],
  ];
  for (const os of ["linux", "windows"]) {
    for (const [suffix, ...details] of cases) {
      const env = { ...cmd, JOBRUNNER_RESPONSE_SUFFIX: suffix };
      const result = parseConfig(env, parseCommandLine([]), machine({}, os));
      assert.ok(!result.ok, suffix);
      assert.deepEqual(
        result.faults.filter((fault) => fault.startsWith("JOBRUNNER_RESPONSE_SUFFIX=")),
        details.map((detail) =>
          `JOBRUNNER_RESPONSE_SUFFIX=${oneLine(suffix)}: ${wanted} (${detail})`
        ),
      );
    }
  }
});

Deno.test("the sandbox rule about LD_* goes with the sandbox", () => {
  assert.equal(
    config({ ...cmd, LD_LIBRARY_PATH: "/lib", JOBRUNNER_SANDBOX: "off" }).sandbox,
    false,
  );
  assert.match(
    faults({ ...cmd, DYLD_INSERT_LIBRARIES: "x", JOBRUNNER_OWN_SESSION: "off" }).join(),
    /^DYLD_INSERT_LIBRARIES: must be unset/,
  );
});

Deno.test("with a launcher LD_* may be set; a machine without one has neither", () => {
  const env = { ...cmd, LD_PRELOAD: "x" };
  assert.equal(config(env).launcher.ownSession, true);
  const other = { ...machine(), hasLauncher: false };
  const result = parseConfig(env, parseCommandLine([]), other);
  assert.match(result.ok ? "" : result.faults.join(), /^LD_PRELOAD: must be unset/);
  const without = parseConfig(cmd, parseCommandLine([]), other);
  assert.equal(without.ok && without.config.launcher.ownSession, false);
});

Deno.test("a launcher may lie beside the spool, in the temp folder, or where systemd keeps a service's state", () => {
  const disk = { "/spool": "folder", "/state": "folder", "/more": "folder" } as const;
  const env = { ...cmd, JOBRUNNER_SPOOL_DIR: "/spool", STATE_DIRECTORY: "/state:/not/there:/more" };
  const result = configure(env, { disk });
  assert.deepEqual(result.ok && result.config.launcher.parents, [
    "/spool",
    "/tmp",
    "/state",
    "/more",
  ]);
});

Deno.test("the sandbox can open nothing in the system's own folders, so the spool cannot lie there", () => {
  const shm = { ...cmd, JOBRUNNER_SPOOL_DIR: "/dev/shm" };
  const disk: Disk = { "/dev/shm": "folder", "/run/shm": "folder", "/development": "folder" };
  assert.deepEqual(faults(shm, [], disk), [
    "JOBRUNNER_SPOOL_DIR=/dev/shm: must lie outside /dev, /proc and /sys, where the sandbox can open nothing: choose another folder, or set JOBRUNNER_SANDBOX=off",
  ]);
  assert.equal(
    faults({ ...cmd, JOBRUNNER_SPOOL_DIR: "/run/shm" }, [], disk).length,
    1,
    "a link to it",
  );
  assert.equal(config({ ...shm, JOBRUNNER_SANDBOX: "off" }, [], disk).spool.parent, "/dev/shm");
  assert.equal(
    config({ ...cmd, JOBRUNNER_SPOOL_DIR: "/development" }, [], disk).spool.parent,
    "/development",
  );
});

Deno.test("listen addresses: IPv4, IPv6 with and without brackets, host names", () => {
  const address = (text: string) =>
    config({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: text, JOBRUNNER_PASSWORD: "x" }).http.address;
  assert.equal(address("::1"), "::1");
  assert.equal(address("[::1]"), "::1");
  assert.equal(address("0.0.0.0"), "0.0.0.0");
  assert.equal(address("my-host.example"), "my-host.example");
  for (const bad of ["127.0.0.256", "1.2.3", "::g", "a..b", "-a", "host:80", "[host]"]) {
    assert.equal(faults({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: bad }).length, 1, bad);
  }
});

Deno.test("beyond loopback a password is needed, or a setting that says that the door is open", () => {
  const listening = (address: string, env: Record<string, string> = {}) =>
    faultsOrNone({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: address, ...env });
  for (
    const address of [
      "",
      "127.0.0.1",
      "127.255.0.3",
      "::1",
      "[::1]",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
      "localhost",
      "LOCALHOST.",
    ]
  ) assert.deepEqual(listening(address), [], address);
  const beyond = [
    "0.0.0.0",
    "::",
    "192.0.2.7",
    "128.0.0.1",
    "::ffff:192.0.2.7",
    "::127.0.0.1",
    "fe80::1%lo",
    "127.example.com",
    "localhost.example.com",
    "a.localhost",
    "my-host",
  ];
  for (const address of beyond) {
    assert.deepEqual(listening(address), [
      `JOBRUNNER_HTTP_LISTEN_ADDRESS=${address}: must be on loopback while no password is set, since anyone who can reach it could run jobs: set JOBRUNNER_PASSWORD_FILE, listen on 127.0.0.1, or set JOBRUNNER_ALLOW_OPEN=on`,
    ]);
    assert.deepEqual(listening(address, { JOBRUNNER_PASSWORD: "x" }), []);
    assert.deepEqual(listening(address, { JOBRUNNER_ALLOW_OPEN: "on" }), []);
  }
  assert.equal(listening("0.0.0.0", { JOBRUNNER_ALLOW_OPEN: "off" }).length, 1);
  assert.deepEqual(listening("0.0.0.0", { JOBRUNNER_ALLOW_OPEN: "ON" }), [
    "JOBRUNNER_ALLOW_OPEN=ON: must be on or off",
  ]);
  assert.match(
    faults(cmd, ["--http-listen-address", "::"])[0] ?? "",
    /^--http-listen-address=::: /,
  );
  assert.equal(listening("0.0.0.0", { JOBRUNNER_PASSWORD: "\r\n" }).length, 1, "that is none");
  // A password that is wrong is the fault, not that there is none; a wrong address is no door.
  const [wrong, ...more] = listening("0.0.0.0", { JOBRUNNER_PASSWORD_FILE: "/missing" });
  assert.match(wrong ?? "", /^JOBRUNNER_PASSWORD_FILE=/);
  assert.deepEqual(more, []);
  assert.equal(listening("not an address").length, 1);
  assert.equal(listening("not an address", { JOBRUNNER_ALLOW_OPEN: "maybe" }).length, 2);
});

Deno.test("names of the server: as URLs have them, with what is below, and nothing else", () => {
  const names = (text: string, address = "") =>
    config({
      ...cmd,
      JOBRUNNER_ALLOWED_HOSTS: text,
      JOBRUNNER_HTTP_LISTEN_ADDRESS: address,
      JOBRUNNER_ALLOW_OPEN: "on",
    }).http.hostNames;
  assert.deepEqual(names(""), ["127.0.0.1"]);
  assert.deepEqual(names("", "My-Host."), ["my-host"]);
  assert.deepEqual(names("", "::"), []);
  assert.deepEqual(
    names(" Jobs.Example.com ,*.svc.Example., job_runner,, 10.0.0.1,::1,[::2],bücher.de"),
    [
      "127.0.0.1",
      "jobs.example.com",
      ".svc.example",
      "job_runner",
      "10.0.0.1",
      "::1",
      "::2",
      "xn--bcher-kva.de",
    ],
  );
  const wrong = [
    ...["*", "a.*", "*a", "*.", "*.*.a", "*.10.0.0.1", ".a", "a..b", "-", "a-", "-.a", "a.-b"],
    ...["a:80", "[::1]:8", "a b", "a/b", "a;b", "a@b", "%61", "a?b", "1.2.3.256"],
  ];
  for (const bad of wrong) {
    assert.deepEqual(faults({ ...cmd, JOBRUNNER_ALLOWED_HOSTS: `good,${bad}` }), [
      `JOBRUNNER_ALLOWED_HOSTS=good,${bad}: must be host names without ports, separated by commas, such as jobs.example.com,*.example.net (${bad} is none)`,
    ]);
  }
});

Deno.test("a fault is one line, and shows no password of a URL that does not belong there", () => {
  for (const name of ["JOBRUNNER_ALLOWED_HOSTS", "JOBRUNNER_HTTP_LISTEN_ADDRESS"]) {
    for (
      const value of [
        "a\nb",
        "https://user:hunter2@jobs.example.com",
        "user:hunter2@jobs.example.com",
        "https://hunter2@jobs.example.com/?key=hunter2",
        "a\nhttps://hunter2@jobs.example.com",
      ]
    ) {
      const [fault = "", ...more] = faults({ ...cmd, [name]: value });
      assert.deepEqual(more, []);
      assert.doesNotMatch(fault, /\n|hunter2/);
    }
  }
  const folder: Disk = { "/dev/a\nb": "folder" };
  assert.doesNotMatch(
    faults({ ...cmd, JOBRUNNER_SPOOL_DIR: "/dev/a\nb" }, [], folder).join(),
    /\n/,
  );
});

Deno.test("variables by which the runtime would open a door refuse the start", () => {
  for (
    const [name, value] of [
      ["DENO_SERVE_ADDRESS", "tcp:0.0.0.0:80"],
      ["DENO_SERVE_ADDRESS", "nonsense"],
      ["DENO_TRUST_PROXY_HEADERS", "1"],
      ["NODE_OPTIONS", "--inspect"],
      ["NODE_OPTIONS", '"--inspect=127.0.0.1:0"'],
      ["NODE_OPTIONS", '--expose-gc "-"-ins"pect"'],
      ["DENO_CONNECTED", "1"],
      ["NODE_OPTIONS", "--max-old-space-size=100 --inspect-brk=0.0.0.0:9229"],
    ] as const
  ) {
    const found = faults({ ...cmd, JOBRUNNER_PASSWORD: "x", [name]: value });
    assert.equal(found.length, 1, `${name}=${value}`);
    assert.match(found[0] ?? "", new RegExp(`^${name}: must `));
    assert.deepEqual(faultsOrNone({ ...cmd, [name]: "" }), []);
  }
  assert.deepEqual(faultsOrNone({ ...cmd, NODE_OPTIONS: "--max-old-space-size=100" }), []);
});

Deno.test("the password is kept as a digest, line ends trimmed, from the variable or the file", () => {
  const digest = new Uint8Array(createHash("sha256").update("hunter2").digest());
  assert.deepEqual(
    config({ ...cmd, JOBRUNNER_PASSWORD: "\r\nhunter2\r\n" }).http.passwordDigest,
    digest,
  );
  const file = { ...cmd, JOBRUNNER_PASSWORD_FILE: "secret" };
  assert.deepEqual(
    config(file, [], { "/work/secret": { text: "hunter2\n" } }).http.passwordDigest,
    digest,
  );
  assert.deepEqual(faults(file), [
    "JOBRUNNER_PASSWORD_FILE=secret: must be a readable file that holds a password (No such file)",
  ]);
  assert.match(faults(file, [], { "/work/secret": { text: "\n" } }).join(), /\(it is empty\)$/);
  assert.match(
    faults(file, [], { "/work/secret": { text: "two\nlines\n" } }).join(),
    /\(it must be one line, not several\)$/,
  );
  const utf16 = Uint8Array.from([0xff, 0xfe, 0x68, 0x00]);
  assert.match(faults(file, [], { "/work/secret": { bytes: utf16 } }).join(), /\(it must be UTF-8/);
  assert.deepEqual(
    faults({ ...file, JOBRUNNER_PASSWORD: "x" }, [], { "/work/secret": { text: "y" } }),
    [
      "JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set",
    ],
  );
  assert.deepEqual(
    config({ ...cmd, JOBRUNNER_PASSWORD: "x" }, ["--password-file=secret"], {
      "/work/secret": { text: "\ufeffhunter2\r\n" },
    }).http.passwordDigest,
    digest,
    "the flag wins, and a byte order mark is dropped",
  );
});

Deno.test("there is no flag for the password, and one that is given all the same is not shown", () => {
  const unknown = ["must be a flag of jobrunner serve: see jobrunner --help"];
  for (
    const args of [
      ["--password=hunter2"],
      ["--password=hunter2", "hunter2"],
      ["--password", "hunter2", "hunter2"],
      ["--password", "-hunter2"],
      ["--password", "--hunter2"],
      ["--password:hunter2"],
    ]
  ) assert.deepEqual(faults(cmd, args), [`--password: ${unknown}`], args.join(" "));
  assert.deepEqual(faults(cmd, ["-phunter2"]), [`-p: ${unknown}`]);
  assert.deepEqual(faults(cmd, ["--cmd", "--password", "hunter2"]), [
    "--cmd: must be given a value: a program and its arguments",
  ]);
  assert.deepEqual(faults(cmd, ["JOBRUNNER_PASSWORD=hunter2", "hunter2"]), [
    "JOBRUNNER_PASSWORD=***: unexpected argument: the command goes after --",
  ]);
  assert.deepEqual(faults(cmd, ["--check=hunter2"]), ["--check: must be given no value"]);
});

Deno.test("a fault of one flag hides no other", () => {
  assert.deepEqual(
    faults(cmd, ["--num-worker", "7", "--queue-limt=5", "stray", "--colour", "--log-level=x"])
      .map((fault) => fault.split(":")[0]),
    ["--num-worker", "--queue-limt", "--colour", "--log-level=x"],
  );
});

Deno.test("one of certificate and key: its own faults are told as well", () => {
  assert.deepEqual(faults({ ...cmd, JOBRUNNER_TLS_CERT_FILE: "/none" }), [
    "JOBRUNNER_TLS_KEY_FILE=: must be set when JOBRUNNER_TLS_CERT_FILE is",
    "JOBRUNNER_TLS_CERT_FILE=/none: must be a readable PEM file that holds a certificate (No such file)",
  ]);
  const encrypted = { text: "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" };
  const both = { ...cmd, JOBRUNNER_TLS_CERT_FILE: "/c", JOBRUNNER_TLS_KEY_FILE: "/k" };
  const cert = { text: "-----BEGIN CERTIFICATE-----\n" };
  assert.match(faults(both, [], { "/c": cert, "/k": encrypted }).join(), /it is encrypted/);
  const endless = { bytes: new Uint8Array(2 ** 21) };
  assert.match(faults(both, [], { "/c": cert, "/k": endless }).join(), /at most 1048576 bytes\)$/);
});

Deno.test("certificate and key come together and must be what they are called", () => {
  const env = { ...cmd, JOBRUNNER_TLS_CERT_FILE: "/c", JOBRUNNER_TLS_KEY_FILE: "/k" };
  const cert = { text: "-----BEGIN CERTIFICATE-----\n" };
  const key = { text: "-----BEGIN EC PRIVATE KEY-----\n" };
  assert.deepEqual(config(env, [], { "/c": cert, "/k": key }).http.tls, {
    cert: cert.text,
    key: key.text,
  });
  assert.deepEqual(faults(env, [], { "/c": key, "/k": cert }), [
    "JOBRUNNER_TLS_CERT_FILE=/c: must be a readable PEM file that holds a certificate (it holds no certificate)",
    "JOBRUNNER_TLS_KEY_FILE=/k: must be a readable PEM file that holds a private key (it holds no private key)",
  ]);
});

Deno.test("a command that cannot be run until a restart is a fault, one that may come later is not", () => {
  assert.deepEqual(faults({ JOBRUNNER_CMD: "nothing-such -x" }), [
    "JOBRUNNER_CMD=nothing-such -x: must be a program and its arguments (nothing-such was not found on PATH)",
  ]);
  assert.deepEqual(faults({}, ["--cmd=nothing-such"]), [
    "--cmd=nothing-such: must be a program and its arguments (nothing-such was not found on PATH)",
  ]);
  assert.deepEqual(faults({}, ["--", "nothing-such"]), [
    "--: must be followed by a program and its arguments (nothing-such was not found on PATH): jobrunner serve -- PROGRAM ARG…",
  ]);
  assert.deepEqual(faults({}, ["--"]), [
    "--: must be followed by a program and its arguments (the program has no name): jobrunner serve -- PROGRAM ARG…",
  ]);
  assert.deepEqual(faults({ JOBRUNNER_CMD: "octave 'x" }), [
    "JOBRUNNER_CMD=octave 'x: must be a program and its arguments (a quote is not closed)",
  ]);
  assert.equal(config({ JOBRUNNER_CMD: "./nothing" }).work.command.program, "/work/nothing");
});

Deno.test("warnings: an open door, a missing command, a switched-off sandbox, a name nobody knows", () => {
  const warnings = (env: Record<string, string>) => {
    const result = configure({ ...cmd, ...env });
    return result.ok ? result.warnings.join("\n") : "";
  };
  assert.equal(warnings({}), "");
  assert.match(
    warnings({ JOBRUNNER_HTTP_LISTEN_ADDRESS: "0.0.0.0", JOBRUNNER_ALLOW_OPEN: "on" }),
    /^ANYONE who can reach 0\.0\.0\.0/,
  );
  const open = { JOBRUNNER_HTTP_LISTEN_ADDRESS: "::", JOBRUNNER_ALLOW_OPEN: "on" };
  assert.match(warnings(open), /^ANYONE/);
  assert.equal(warnings({ ...open, JOBRUNNER_PASSWORD: "x" }), "");
  assert.equal(warnings({ JOBRUNNER_ALLOW_OPEN: "on" }), "");
  assert.match(
    warnings({ JOBRUNNER_CMD: "./nothing" }),
    /^\/work\/nothing is missing or not an executable file/,
  );
  assert.match(warnings({ JOBRUNNER_SANDBOX: "off" }), /EVERY permission/);
  assert.match(warnings({ JOBRUNNER_NUM_WORKER: "1" }), /^JOBRUNNER_NUM_WORKER is not a setting/);
  assert.equal(warnings({ JOBRUNNER_WORKER_ID: "1" }), "", "a jobrunner in a job inherits this");
});

Deno.test("warnings: shell syntax in the command, unless it names a file as a whole or came as words", () => {
  const disk: Disk = {
    "/bin/sh": "executable",
    "/work/a|b $c.sh": "executable",
    "/opt/convert": "executable",
  };
  const warnings = (text: string, args: string[] = []) => {
    const result = configure({ PATH: "/bin:/opt", JOBRUNNER_CMD: text }, { args, disk });
    assert.ok(result.ok, JSON.stringify(result));
    return result.warnings;
  };
  const sentence = (found: string) => [
    `JOBRUNNER_CMD holds shell syntax (${found}), but no shell is run: the program gets it as it stands; name a script, use sh -c '…', or put what is meant literally in single quotes`,
  ];
  assert.deepEqual(warnings("date | tr a b"), sentence("|"));
  assert.deepEqual(
    warnings('convert "$JOBRUNNER_REQUEST_DATA_FN" > /tmp/x'),
    sentence("> and $NAME"),
  );
  assert.deepEqual(warnings("date ; date && date $(x)"), sentence("&&, ; and $(…)"));
  assert.deepEqual(warnings("", ["--cmd=date <x"]), sentence("<"));
  assert.equal(warnings("~/bin/convert").length, 2, "it is missing, too");
  assert.deepEqual(warnings("./a|b $c.sh"), []);
  assert.deepEqual(warnings("'./a|b $c.sh' x"), []);
  assert.deepEqual(warnings("sh -c 'a | b > $C'"), []);
  assert.deepEqual(warnings('sh -c "a | b > $C"'), [], "the shell that is run expands it");
  assert.deepEqual(warnings('sh -c "a" > b'), sentence(">"));
  assert.deepEqual(warnings("", ["--", "date", "|", "$HOME", "~", "a\\;'b", "`x`", "&"]), []);
});

Deno.test("the effective configuration names each value's origin and hides the password", () => {
  const result = configure({ ...cmd, JOBRUNNER_PASSWORD: "hunter2" }, {
    args: ["--num-workers=2"],
  });
  assert.ok(result.ok);
  const lines = result.effective;
  assert.ok(lines.includes("JOBRUNNER_CMD=/bin/date  # environment"));
  assert.ok(lines.includes("JOBRUNNER_NUM_WORKERS=2  # flag"));
  assert.ok(lines.includes("JOBRUNNER_QUEUE_LIMIT=20  # default"));
  assert.ok(lines.includes("JOBRUNNER_PASSWORD=***  # environment"));
  assert.ok(!lines.join().includes("hunter2"));
});
