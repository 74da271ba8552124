import assert from "node:assert/strict";
import { configure, errorsOfFile } from "../../support/machine.ts";

const env = { PATH: "/bin" };
const command = "[commands.a]\ncmd = 'date'\n";

/** Lines for the command `a`, and the only fault that they are. */
const faultsOfCommand: readonly (readonly [string, string])[] = [
  ["num_workers = 'two'", 'num_workers = "two": must be a whole number from 1 to 1024'],
  ["queue_limit = -1", "queue_limit = -1: must be a whole number from 0 to 1000000"],
  [
    "queue_timeout_sec = 'x'",
    'queue_timeout_sec = "x": must be a number of seconds from 0 to 2147483',
  ],
  [
    "kill_grace_sec = 9e9",
    "kill_grace_sec = 9000000000: must be a number of seconds from 0 to 2147483",
  ],
  ["on_disconnect = false", "on_disconnect = false: must be cancel or finish"],
  [
    "max_request_bytes = 524288001",
    "max_request_bytes = 524288001: must be a whole number from 0 to 524288000",
  ],
  [
    "max_output_bytes = 1.5",
    "max_output_bytes = 1.5: must be a whole number from 0 to 1099511627776",
  ],
  ["max_run_bytes = -1", "max_run_bytes = -1: must be a whole number from 0 to 1099511627776"],
  [
    "max_result_bytes = '1 GiB'",
    'max_result_bytes = "1 GiB": must be a whole number from 0 to 1099511627776',
  ],
  ["response_type = ''", 'response_type = "": must be a media type, such as image/png'],
  ["response_type = 'png'", 'response_type = "png": must be a media type, such as image/png'],
  [
    "response_type = ['image/png']",
    "response_type = […]: must be a media type, such as image/png (it must be one string, not an array)",
  ],
  [
    "failed_status = 399",
    "failed_status = 399: must be 200 or a whole number from 400 to 599",
  ],
  [
    "pass_headers = ['x-a', 'x b']",
    "pass_headers = […]: must be names of request headers, separated by commas, such as x-tenant,accept-language (x b is not one)",
  ],
  [
    "pass_headers = 'X-JR-Password'",
    'pass_headers = "X-JR-Password": must be names of request headers, separated by commas, such as x-tenant,accept-language (x-jr-password holds the server\'s password)',
  ],
  [
    "pass_headers = [1]",
    "pass_headers = […]: must be names of request headers, separated by commas, such as x-tenant,accept-language",
  ],
  ["stdin = 'file'", 'stdin = "file": must be null or payload'],
  ["warm = 1", "warm = 1: must be on or off"],
  ["warm_max_jobs = -1", "warm_max_jobs = -1: must be a whole number from 0 to 1000000000"],
  [
    "warm_max_age_sec = 'x'",
    'warm_max_age_sec = "x": must be a number of seconds from 0 to 2147483',
  ],
  [
    "max_spool_bytes = 1",
    "max_spool_bytes: must stand at the top of the file, since it is a setting of the whole server",
  ],
  [
    "response_suffix = 'a.'",
    'response_suffix = "a.": must be the end of a file\'s name, such as .png (it ends in a dot or a space, which Windows drops)',
  ],
  ["worker = 1", "worker: no such setting; did you mean num_workers?"],
  [
    "password = 'hunter2'",
    "password: must stand at the top of the file, since it is a setting of the whole server",
  ],
  ['"a b".c = 1', '"a b": no such setting'],
  ["__proto__ = 1", "__proto__: no such setting"],
  ["description = 5", "description = 5: must be a line of at most 200 characters"],
  ["description = ''", 'description = "": must be a line of at most 200 characters'],
  ['description = "a\\nb"', 'description = "a\\nb": must be a line of at most 200 characters'],
  [
    `description = '${"ä".repeat(201)}'`,
    `description = "${"ä".repeat(200)}…": must be a line of at most 200 characters`,
  ],
  [
    "pool = 'none'",
    'pool = "none": must be the name of a table [pools.NAME] (there is none of this name)',
  ],
  ["pool = 1", "pool = 1: must be the name of a table [pools.NAME]"],
  [
    "inherit_env = 'some'",
    'inherit_env = "some": must be "all", "none" or an array of names of variables',
  ],
  [
    "inherit_env = ['A', '']",
    'inherit_env = […]: must be "all", "none" or an array of names of variables',
  ],
  [
    "inherit_env = ['A=B']",
    'inherit_env = […]: must be "all", "none" or an array of names of variables',
  ],
  [
    "inherit_env = true",
    'inherit_env = true: must be "all", "none" or an array of names of variables',
  ],
  ["env = 'hunter2'", "env: must be a table of strings"],
  ["env = ['hunter2']", "env: must be a table of strings"],
  ["env.A = 5", "env.A: must be a string"],
  ["env.A = ['hunter2']", "env.A: must be a string"],
  ["env.A.b = 'hunter2'", "env.A: must be a string"],
  ['env = { A = "hunter2\\u0000" }', "env.A: must be a string without NUL"],
  ["env.\"\" = 'hunter2'", 'env."": must have a name'],
  ["env.\"A=B\" = 'hunter2'", 'env."A=B": must have a name without = and NUL'],
  ["env.\"A\\u0000\" = 'hunter2'", 'env."A\\u0000": must have a name without = and NUL'],
  [
    "env.jobrunner_x = 'hunter2'",
    "env.jobrunner_x: must not begin with JOBRUNNER_: those variables are set for each job",
  ],
  ["env.TraceParent = 'x'", "env.TraceParent: must be left out: it is set for each job"],
  ["env.TRACESTATE = 'x'", "env.TRACESTATE: must be left out: it is set for each job"],
  ["working_directory = ''", 'working_directory = "": must be an existing folder'],
  ["working_directory = 5", "working_directory = 5: must be an existing folder"],
  [
    "working_directory = '/none'",
    'working_directory = "/none": must be an existing folder (/none is not one)',
  ],
  [
    "working_directory = '/bin/date'",
    'working_directory = "/bin/date": must be an existing folder (/bin/date is not one)',
  ],
  [
    'working_directory = "/tmp\\t"',
    'working_directory = "/tmp\\t": must be an existing folder (it contains a control character)',
  ],
  [
    "working_directory = '/tmp/{worker}'",
    'working_directory = "/tmp/{worker}": must be an existing folder ({worker} is not filled in, only {worker_id} and {pool} are)',
  ],
  [
    "working_directory = 'w/{worker_id}'",
    'working_directory = "w/{worker_id}": must be an existing folder (/work/w/3 is not one)',
  ],
  [
    "umask = 27",
    'umask = 27: must be an octal number from 0o000 to 0o777, such as 0o027 (it is not written in octal: 0o27 or "27")',
  ],
  ["umask = 0o1000", "umask = 512: must be an octal number from 0o000 to 0o777, such as 0o027"],
  ["umask = -1", "umask = -1: must be an octal number from 0o000 to 0o777, such as 0o027"],
  ["umask = '028'", 'umask = "028": must be an octal number from 0o000 to 0o777, such as 0o027'],
  ["umask = ''", 'umask = "": must be an octal number from 0o000 to 0o777, such as 0o027'],
  ["umask = '1000'", 'umask = "1000": must be an octal number from 0o000 to 0o777, such as 0o027'],
  ["umask = true", "umask = true: must be an octal number from 0o000 to 0o777, such as 0o027"],
  ["nice = 20", "nice = 20: must be a whole number from 0 to 19"],
  ["nice = -1", "nice = -1: must be a whole number from 0 to 19"],
  [
    "limit_memory_bytes = 1048575",
    "limit_memory_bytes = 1048575: must be a whole number from 1048576 to 1099511627776",
  ],
  ["limit_cpu_sec = 0", "limit_cpu_sec = 0: must be a whole number from 1 to 2147483647"],
  ["limit_file_bytes = 0", "limit_file_bytes = 0: must be a whole number from 1 to 1099511627776"],
  ["limit_open_files = 15", "limit_open_files = 15: must be a whole number from 16 to 1048576"],
];

Deno.test("each fault of a command is reported with its line, its value and what is wanted", () => {
  const disk = { "/work/w/1": "folder", "/work/w/2": "folder" } as const;
  for (const [line, sentence] of faultsOfCommand) {
    assert.deepEqual(
      errorsOfFile(`${command}\n${line}\n`, { env, disk }),
      [`jobrunner.toml:4: commands.a.${sentence}`],
      line,
    );
  }
});

Deno.test("a command that is missing, empty or cannot be found is a fault in the line of cmd or its table", () => {
  const wanted = "must be a program and its arguments";
  for (
    const [toml, line, sentence] of [
      [
        "\n[commands.a]\nnice = 1\n",
        2,
        "commands.a.cmd: must be set to a program and its arguments",
      ],
      ["commands = { a = {} }", 1, "commands.a.cmd: must be set to a program and its arguments"],
      ["[commands.a]\ncmd = ' '", 2, `commands.a.cmd = " ": ${wanted} (it is empty)`],
      ["[commands.a]\ncmd = 5", 2, `commands.a.cmd = 5: ${wanted}`],
      [
        "[commands.a]\ncmd = ['date']",
        2,
        `commands.a.cmd = […]: ${wanted} (it must be one string, not an array)`,
      ],
      [
        "[commands.a]\n\ncmd = 'gone -x'",
        3,
        `commands.a.cmd = "gone -x": ${wanted} (gone was not found on PATH)`,
      ],
      ["commands = 5", 1, "commands = 5: must be tables [commands.NAME]"],
      ["[[commands]]", 1, "commands = […]: must be tables [commands.NAME]"],
      ["[commands]\na = 5", 2, "commands.a: must be a table [commands.NAME]"],
      ["[[commands.a]]\ncmd = 'date'", 1, "commands.a: must be a table [commands.NAME]"],
      ...["A", "1a", "", "a".repeat(33), "a.b", "é"].map((name) =>
        [
          `[commands."${name}"]\ncmd = 'date'`,
          1,
          `commands.${
            /^[\w-]+$/.test(name) ? name : JSON.stringify(name)
          }: must have a name of this form: a lower-case letter, then up to 31 lower-case letters, digits, _ and -`,
        ] as const
      ),
    ] as const
  ) assert.deepEqual(errorsOfFile(toml, { env }), [`jobrunner.toml:${line}: ${sentence}`], toml);
});

Deno.test("a warm command is refused if its standard input is the payload or its CPU time is limited", () => {
  const stdin =
    "commands.a.warm: must be off while stdin is payload: a warm process gets its jobs there";
  const cpu =
    "commands.a.limit_cpu_sec: must be left out while warm is on: it would count the CPU time of all jobs of a process";
  for (
    const [toml, ...faults] of [
      [`${command}warm = true\nstdin = 'payload'`, `3: ${stdin}`],
      [`warm = true\n${command}stdin = 'payload'`, `2: ${stdin}`],
      [`stdin = 'payload'\n${command}warm = 'on'`, `4: ${stdin}`],
      [`${command}limit_cpu_sec = 1\nwarm = true`, `3: ${cpu}`],
      [`warm = true\n${command}limit_cpu_sec = 1\nstdin = 'payload'`, `2: ${stdin}`, `4: ${cpu}`],
      [`warm = true\nstdin = 'payload'\n${command}warm = false\nlimit_cpu_sec = 1`],
      [`warm = true\nstdin = 'payload'\n${command}stdin = 'null'`],
    ] as const
  ) {
    const result = configure(env, { toml });
    const errors = result.ok ? [] : result.errors;
    assert.deepEqual(errors, faults.map((fault) => `jobrunner.toml:${fault}`), toml);
  }
});
