import assert from "node:assert/strict";
import { configOfFile, configure, errorsOfFile } from "../../support/machine.ts";

const env = { PATH: "/bin" };

Deno.test("a file gives commands and pools in its order, with own values and the defaults of its top", () => {
  const config = configOfFile(
    `
    job_timeout_sec = 300
    num_workers = 2
    request_suffix = ".bin"
    warm = true
    warm_max_jobs = 0
    default_command = "pdf"

    [commands.pdf]
    description = "Office document to PDF"
    cmd = "date --utc 'a b'"
    num_workers = 4
    queue_limit = 0
    queue_timeout_sec = 1.5
    job_timeout_sec = 0
    kill_grace_sec = 0.25
    on_disconnect = "finish"
    max_request_bytes = 0
    max_output_bytes = 0
    max_run_bytes = 1000
    max_result_bytes = 0
    response_type = "application/pdf"
    failed_status = 200
    pass_headers = ["X-Tenant", "accept-language"]
    stdin = "payload"
    warm = false
    warm_max_jobs = 7
    warm_max_age_sec = 0
    request_suffix = ""
    response_suffix = ".pdf"

    [commands.preview]
    cmd = "/bin/date"
    pool = "office"

    [commands.thumbs]
    cmd = "/bin/date"
    pool = "office"

    [pools.office]
    queue_timeout_sec = 9

    [commands.octave]
    cmd = "date"
    `,
    { env },
  );
  assert.equal(config.named, true);
  assert.equal(config.defaultCommand, "pdf");
  assert.deepEqual(config.commands.map(({ name, pool }) => [name, pool]), [
    ["pdf", "pdf"],
    ["preview", "office"],
    ["thumbs", "office"],
    ["octave", "octave"],
  ]);
  assert.deepEqual(config.pools, [
    { name: "pdf", numWorkers: 4, queueLimit: 0, queueTimeoutMs: 1500 },
    { name: "office", numWorkers: 2, queueLimit: 20, queueTimeoutMs: 9000 },
    { name: "octave", numWorkers: 2, queueLimit: 20, queueTimeoutMs: Infinity },
  ]);
  const [pdf, preview] = config.commands;
  assert.deepEqual(pdf, {
    name: "pdf",
    description: "Office document to PDF",
    pool: "pdf",
    command: {
      text: "date --utc 'a b'",
      name: "date",
      program: "/bin/date",
      args: ["--utc", "a b"],
      found: true,
    },
    maxRequestBytes: 500 * 2 ** 20,
    maxRunBytes: 1000,
    passHeaders: ["x-tenant", "accept-language"],
    responseType: "application/pdf",
    failedStatus: 200,
    onDisconnect: "finish",
    killGraceMs: 250,
    run: {
      jobTimeoutMs: Infinity,
      maxOutputBytes: Infinity,
      maxResultBytes: Infinity,
      stdin: "payload",
      warm: false,
      warmMaxJobs: 7,
      warmMaxAgeMs: Infinity,
      requestSuffix: "",
      responseSuffix: ".pdf",
    },
    launch: preview?.launch,
  });
  assert.deepEqual(preview?.run, {
    jobTimeoutMs: 300_000,
    maxOutputBytes: 100 * 2 ** 20,
    maxResultBytes: 10 * 2 ** 30,
    stdin: "null",
    warm: true,
    warmMaxJobs: Infinity,
    warmMaxAgeMs: 3_600_000,
    requestSuffix: ".bin",
    responseSuffix: "",
  });
  assert.deepEqual([preview?.killGraceMs, preview?.maxRequestBytes], [5000, 100 * 2 ** 20]);
});

/** Every way to set the number of workers, from the weakest to the strongest. */
const sources = ["top", "environment", "flag", "own"] as const;

Deno.test("an own key wins over the flag, that over the variable, that over the top of the file", () => {
  for (let chosen = 0; chosen < 2 ** sources.length; chosen++) {
    const given = sources.filter((_source, bit) => chosen & 2 ** bit);
    const value = (source: typeof sources[number]) => String(10 + sources.indexOf(source));
    const line = (source: typeof sources[number], key: string) =>
      given.includes(source) ? `${key} = ${value(source)}\n` : "";
    for (
      const [key, pooled] of [["num_workers", false], ["num_workers", true], [
        "job_timeout_sec",
        false,
      ]] as const
    ) {
      const name = `JOBRUNNER_${key.toUpperCase()}`;
      const own = line("own", key);
      const toml = `${line("top", key)}[commands.a]\ncmd = 'date'\n${
        pooled ? `pool = 'p'\n[pools.p]\n` : ""
      }${own}`;
      const { commands, pools } = configOfFile(toml, {
        env: { ...env, ...given.includes("environment") ? { [name]: value("environment") } : {} },
        args: given.includes("flag") ? [`--${key.replaceAll("_", "-")}=${value("flag")}`] : [],
      });
      const winner = given.at(-1);
      const isWorkers = key === "num_workers";
      const wanted = winner ? Number(value(winner)) : isWorkers ? 3 : Infinity;
      const got = isWorkers ? pools[0]?.numWorkers : (commands[0]?.run.jobTimeoutMs ?? 0) / 1000;
      assert.equal(got, wanted, `${key} ${given.join()} ${pooled}`);
      if (isWorkers) assert.equal(pools[0]?.queueLimit, 10 * wanted);
    }
  }
});

Deno.test("a queue limit that is set for all pools does not follow the number of workers of any", () => {
  const toml = "queue_limit = 7\n[commands.a]\ncmd = 'date'\nnum_workers = 9\n";
  assert.equal(configOfFile(toml, { env }).pools[0]?.queueLimit, 7);
  const flag = { env, args: ["--queue-limit=0"] };
  assert.equal(configOfFile(toml, flag).pools[0]?.queueLimit, 0);
});

Deno.test("JOBRUNNER_CMD, --cmd, -- and cmd at the top are a command default, which POST /payload runs", () => {
  const toml = "[commands.pdf]\ncmd = 'date'\n[commands.web]\ncmd = 'date'\n";
  for (
    const [label, top, given] of [
      ["JOBRUNNER_CMD", "", { env: { ...env, JOBRUNNER_CMD: "date" } }],
      ["--cmd", "", { env, args: ["--cmd=date"] }],
      ["--", "", { env, args: ["--", "date"] }],
      ["cmd", "cmd = 'date'\n", { env }],
    ] as const
  ) {
    const config = configOfFile(top + toml, given);
    assert.deepEqual(config.commands.map(({ name }) => name), ["default", "pdf", "web"]);
    assert.deepEqual(config.pools.map(({ name }) => name), ["default", "pdf", "web"]);
    assert.equal(config.defaultCommand, "default");
    assert.equal(config.named, true);
    const lines = top === "" ? 0 : 1;
    assert.deepEqual(errorsOfFile(`${top}${toml}[commands.default]\ncmd = 'date'\n`, given), [
      `jobrunner.toml:${
        5 + lines
      }: commands.default: must be left out, since ${label} sets this command`,
    ]);
    assert.deepEqual(errorsOfFile(`${top}default_command = 'pdf'\n${toml}`, given), [
      `jobrunner.toml:${
        1 + lines
      }: default_command = "pdf": must be left out or default, which is the command that ${label} sets`,
    ]);
    const named = configOfFile(`${top}default_command = 'default'\n${toml}`, given);
    assert.equal(named.defaultCommand, "default");
    assert.deepEqual(
      errorsOfFile(`${top}${toml}pool = 'default'\n[pools.default]\n`, given),
      [
        `jobrunner.toml:${
          6 + lines
        }: pools.default: must have another name, since the command that ${label} sets has a pool of this name`,
      ],
    );
  }
});

Deno.test("the default command is the one that is chosen, or the one called default, or none", () => {
  const pdf = "[commands.pdf]\ncmd = 'date'\n";
  assert.equal(configOfFile(pdf, { env }).defaultCommand, undefined);
  const own = `${pdf}[commands.default]\ncmd = 'date'\n`;
  assert.equal(configOfFile(own, { env }).defaultCommand, "default");
  assert.equal(configOfFile(`default_command = 'pdf'\n${own}`, { env }).defaultCommand, "pdf");
  const variable = { ...env, JOBRUNNER_DEFAULT_COMMAND: "pdf" };
  assert.equal(configOfFile(own, { env: variable }).defaultCommand, "pdf");
  assert.deepEqual(errorsOfFile(own, { env, args: ["--default-command=pfd"] }), [
    "--default-command=pfd: must be the name of a command, and there is none of this name",
  ]);
  assert.deepEqual(errorsOfFile(`default_command = "PDF"\n${own}`, { env }), [
    'jobrunner.toml:1: default_command = "PDF": must be the name of a command, and there is none of this name; did you mean pdf?',
  ]);
  const without = configure({ JOBRUNNER_CMD: "/bin/date", JOBRUNNER_DEFAULT_COMMAND: "pdf" });
  assert.deepEqual(!without.ok && without.errors, [
    "JOBRUNNER_DEFAULT_COMMAND=pdf: must be left out or default: only a configuration file can have other commands",
  ]);
  assert.ok(configure({ JOBRUNNER_CMD: "/bin/date", JOBRUNNER_DEFAULT_COMMAND: "default" }).ok);
});

Deno.test("a file without any command is an error that says where a command may be set", () => {
  const sentence =
    "JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…, or a table [commands.NAME] in jobrunner.toml)";
  for (const toml of ["", "log_level = 'info'", "[commands]", "cmd = ''"]) {
    assert.deepEqual(errorsOfFile(toml), [sentence], toml);
  }
});

Deno.test("at most 64 commands are allowed, with the one that JOBRUNNER_CMD sets", () => {
  const commands = (count: number) =>
    Array.from({ length: count }, (_, index) => `[commands.c${index}]\ncmd = 'date'\n`).join("");
  assert.equal(configOfFile(commands(64), { env }).commands.length, 64);
  const sentence = (line: number, name: string) => [
    `jobrunner.toml:${line}: commands.${name}: must be left out: there may be at most 64 commands`,
  ];
  assert.deepEqual(errorsOfFile(commands(66), { env }), sentence(129, "c64"));
  const more = { env: { ...env, JOBRUNNER_CMD: "date" } };
  assert.equal(configOfFile(commands(63), more).commands.length, 64);
  assert.deepEqual(errorsOfFile(commands(64), more), sentence(127, "c63"));
});

Deno.test("effective settings show the origin file, and nothing of a password", () => {
  const result = configure({ ...env, JOBRUNNER_LOG_LEVEL: "debug" }, {
    args: ["--num-workers=2"],
    toml:
      "password = 'hunter2'\naccess_log = true\nhttp_listen_port = 0\nlog_level = 'info'\nnum_workers = 9\nallowed_hosts = ['a.example', '*.b.example']\ncmd = '''\ndate\n'''\nrequest_timeout_sec = 1e-7\nanswer_timeout_sec = 1.5\n",
  });
  assert.ok(result.ok, JSON.stringify(result));
  const lines = result.effective;
  assert.deepEqual(lines.filter((line) => line.endsWith("  # file")), [
    "JOBRUNNER_CMD=date\\n  # file",
    "JOBRUNNER_ALLOWED_HOSTS=a.example,*.b.example  # file",
    "JOBRUNNER_HTTP_LISTEN_PORT=0  # file",
    "JOBRUNNER_PASSWORD=***  # file",
    "JOBRUNNER_REQUEST_TIMEOUT_SEC=0.0000001  # file",
    "JOBRUNNER_ANSWER_TIMEOUT_SEC=1.5  # file",
    "JOBRUNNER_ACCESS_LOG=on  # file",
  ]);
  assert.ok(lines.includes("JOBRUNNER_NUM_WORKERS=2  # flag"));
  assert.ok(lines.includes("JOBRUNNER_LOG_LEVEL=debug  # environment"));
  assert.ok(lines.includes("JOBRUNNER_CONFIG_FILE=  # default"));
  assert.equal(result.config.http.accessLog, true);
  assert.deepEqual(result.config.http.hostNames, ["127.0.0.1", "a.example", ".b.example"]);
  assert.ok(!Deno.inspect(result).includes("hunter2"));
});
