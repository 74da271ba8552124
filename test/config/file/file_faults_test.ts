import assert from "node:assert/strict";
import { errorsOfFile } from "../../support/machine.ts";

const env = { PATH: "/bin" };
const command = "[commands.a]\ncmd = 'date'\n";

/** Lines for a file that has a valid command otherwise, and the only fault that they are. */
const faultsOfTop: readonly (readonly [string, string])[] = [
  ["num_workers = '5'", 'num_workers = "5": must be a whole number from 1 to 1024'],
  [
    "num_workers = 0",
    "num_workers = 0: must be a whole number from 1 to 1024 (0 only with JOBRUNNER_NATS_URL)",
  ],
  ["num_workers = 1.5", "num_workers = 1.5: must be a whole number from 1 to 1024"],
  ["num_workers = -1", "num_workers = -1: must be a whole number from 1 to 1024"],
  ["num_workers = true", "num_workers = true: must be a whole number from 1 to 1024"],
  [
    "num_workers = 99999999999999999999",
    "num_workers = 99999999999999999999: must be a whole number from 1 to 1024",
  ],
  ["num_workers = 1e30", "num_workers = 1e+30: must be a whole number from 1 to 1024"],
  ["job_timeout_sec = inf", "job_timeout_sec = inf: must be a number of seconds from 0 to 2147483"],
  [
    "job_timeout_sec = -inf",
    "job_timeout_sec = -inf: must be a number of seconds from 0 to 2147483",
  ],
  ["job_timeout_sec = nan", "job_timeout_sec = nan: must be a number of seconds from 0 to 2147483"],
  [
    "job_timeout_sec = -0.5",
    "job_timeout_sec = -0.5: must be a number of seconds from 0 to 2147483",
  ],
  ["job_timeout_sec = '5'", 'job_timeout_sec = "5": must be a number of seconds from 0 to 2147483'],
  [
    "job_timeout_sec = 1979-05-27T07:32:00Z",
    "job_timeout_sec = 1979-05-27T07:32:00.000Z: must be a number of seconds from 0 to 2147483",
  ],
  [
    "queue_timeout_sec = 07:32:00",
    "queue_timeout_sec = 07:32:00.000: must be a number of seconds from 0 to 2147483",
  ],
  ["log_level = 'loud'", 'log_level = "loud": must be debug or info or warning or error'],
  ["log_level = ''", 'log_level = "": must be debug or info or warning or error'],
  ["log_level = true", "log_level = true: must be debug or info or warning or error"],
  ["access_log = 1", "access_log = 1: must be on or off"],
  ["sandbox = 'false'", 'sandbox = "false": must be on or off'],
  [
    "spool_dir = ['/tmp']",
    "spool_dir = […]: must be an existing folder (it must be one string, not an array)",
  ],
  ["spool_dir = 'nowhere'", 'spool_dir = "nowhere": must be an existing folder'],
  [
    'spool_dir = "/tmp\\u0000"',
    'spool_dir = "/tmp\\u0000": must be an existing folder (it contains NUL)',
  ],
  [
    "request_suffix = '/'",
    'request_suffix = "/": must be the end of a file\'s name, such as .png (it contains /, which not every system allows in the name of a file)',
  ],
  [
    "allowed_hosts = ['a', 1]",
    "allowed_hosts = […]: must be host names without ports, separated by commas, such as jobs.example.com,*.example.net",
  ],
  [
    "allowed_hosts = ['a:80']",
    "allowed_hosts = […]: must be host names without ports, separated by commas, such as jobs.example.com,*.example.net (a:80 is not one)",
  ],
  [
    "http_listen_address = 'x y'",
    'http_listen_address = "x y": must be an IP address, a host name or, for a unix socket, unix:PATH',
  ],
  [
    "socket_mode = 660",
    'socket_mode = 660: must be an octal mode, such as 0660 (in a file: "0660")',
  ],
  [
    "http_listen_address = '0.0.0.0'",
    'http_listen_address = "0.0.0.0": must be on loopback while neither a password nor a token is set, since anyone who can reach it could run jobs: set JOBRUNNER_PASSWORD_FILE or JOBRUNNER_TOKENS_FILE, listen on 127.0.0.1, or set JOBRUNNER_ALLOW_OPEN=on',
  ],
  [
    "tls_key_file = 'https://user:hunter2@x'",
    "JOBRUNNER_TLS_CERT_FILE=: must be set when JOBRUNNER_TLS_KEY_FILE is",
  ],
  ["config_file = 'x'", "config_file: must be left out: a file cannot name another"],
  ["num_worker = 1", "num_worker: no such setting; did you mean num_workers?"],
  ["colour = 'hunter2'", "colour: no such setting"],
  ["umask = 0o027", "umask: must stand in a table [commands.NAME]"],
  ["command.b.cmd = 'date'", "command: no such table; did you mean commands?"],
  ["pool.b.num_workers = 2", "pool: no such table; did you mean pools?"],
  ["pool = 'b'", "pool: must stand in a table [commands.NAME]"],
  ["env.A = 'x'", "env: must stand in a table [commands.NAME]"],
  ["__proto__ = 1", "__proto__: no such setting"],
  ["constructor.prototype = 1", "constructor: no such setting"],
  ['"to\\nString" = 1', '"to\\nString": no such setting'],
  ["cmd = 5", "cmd = 5: must be a program and its arguments"],
  [
    "cmd = 'date \"x'",
    'cmd = "date \\"x": must be a program and its arguments (a quote is not closed)',
  ],
  ["default_command = 1", "default_command = 1: must be the name of a command"],
  [
    "password = 5",
    "password = ***: must be text without control characters, and without a space or tab at either end",
  ],
  [
    "password = ' hunter2'",
    "password = ***: must be text without control characters, and without a space or tab at either end (it must not begin or end with a space or tab, since HTTP drops those)",
  ],
  [
    "password_file = '/none'",
    'password_file = "/none": must be a readable file that holds a password (No such file)',
  ],
  ["pools = 1", "pools = 1: must be tables [pools.NAME]"],
  ["pools.p = 'x'", "pools.p: must be a table [pools.NAME]"],
  ["pools.p = {}", 'pools.p: must be named by a command: pool = "p"'],
  [
    "pools.a = {}",
    'pools.a: must be named by the command of its name, which has a pool of its own: set pool = "a" in [commands.a]',
  ],
  [
    '"pools".P = {}',
    "pools.P: must have a name of this form: a lower-case letter, then up to 31 lower-case letters, digits, _ and -",
  ],
];

Deno.test("each fault at the top of the file is reported with its line, its value and what is wanted", () => {
  for (const [line, sentence] of faultsOfTop) {
    const errors = errorsOfFile(`# a comment\n${line}\n${command}`, { env });
    const about = sentence.startsWith("JOBRUNNER_") ? sentence : `jobrunner.toml:2: ${sentence}`;
    assert.equal(errors[0], about, line);
    assert.ok(errors.length === 1 || /^(tls|"pools")/.test(line), errors.join("\n"));
    assert.ok(!errors.join().includes("hunter2"), errors.join("\n"));
  }
});

Deno.test("what a shared pool sets may not stand in its commands, nor the keys of commands in it", () => {
  const toml = `${command}pool = "office"
num_workers = 1
queue_limit = "x"
[pools.office]
nice = 1
log_level = "info"
queue_limits = 1
num_workers = 0
[pools.ofice]
[commands.b]
cmd = "date"
pool = "offices"
`;
  assert.deepEqual(errorsOfFile(toml, { env }), [
    "jobrunner.toml:4: commands.a.num_workers = 1: must stand in [pools.office], since the command shares that pool",
    'jobrunner.toml:5: commands.a.queue_limit = "x": must be a whole number from 0 to 1000000',
    'jobrunner.toml:5: commands.a.queue_limit = "x": must stand in [pools.office], since the command shares that pool',
    "jobrunner.toml:7: pools.office.nice: must stand in a table [commands.NAME]",
    "jobrunner.toml:8: pools.office.log_level: must stand at the top of the file, since it is a setting of the whole server",
    "jobrunner.toml:9: pools.office.queue_limits: no such setting; did you mean queue_limit?",
    "jobrunner.toml:10: pools.office.num_workers = 0: must be a whole number from 1 to 1024 (0 only with JOBRUNNER_NATS_URL)",
    'jobrunner.toml:11: pools.ofice: must be named by a command: pool = "ofice"',
    'jobrunner.toml:14: commands.b.pool = "offices": must be the name of a table [pools.NAME] (there is none of this name; did you mean office?)',
  ]);
});

Deno.test("an inherited value is reported once, at the top, even if no command inherits it or a flag wins", () => {
  const toml = `job_timeout_sec = "x"\n${command}job_timeout_sec = 1\n[commands.b]\ncmd = 'date'\n`;
  const sentence =
    'jobrunner.toml:1: job_timeout_sec = "x": must be a number of seconds from 0 to 2147483';
  assert.deepEqual(errorsOfFile(toml, { env }), [sentence]);
  assert.deepEqual(errorsOfFile(toml, { env, args: ["--job-timeout-sec=5"] }), [sentence]);
  const variable = { ...env, JOBRUNNER_KILL_GRACE_SEC: "x" };
  assert.deepEqual(errorsOfFile(`${command}[commands.b]\ncmd = 'date'\n`, { env: variable }), [
    "JOBRUNNER_KILL_GRACE_SEC=x: must be a number of seconds from 0 to 2147483",
  ]);
});

Deno.test("faults of flags, variables and the file are all reported at once, those of the file by line", () => {
  const toml = `log_level = "loud"\n${command}nice = "x"\nworker = 1\n`;
  const given = {
    env: { ...env, JOBRUNNER_SANDBOX: "maybe" },
    args: ["--nonsense", "--num-workers=x"],
  };
  assert.deepEqual(errorsOfFile(toml, given), [
    "--nonsense: must be a flag of jobrunner serve: see jobrunner --help",
    "--num-workers=x: must be a whole number from 1 to 1024",
    "JOBRUNNER_SANDBOX=maybe: must be on or off",
    'jobrunner.toml:1: log_level = "loud": must be debug or info or warning or error',
    'jobrunner.toml:4: commands.a.nice = "x": must be a whole number from 0 to 19',
    "jobrunner.toml:5: commands.a.worker: no such setting; did you mean num_workers?",
  ]);
});
