import assert from "node:assert/strict";
import { progressLine } from "../../src/cli/progress.ts";
import { exitCodeOf } from "../../src/cli/send.ts";
import { parseSendOptions } from "../../src/cli/send_options.ts";

Deno.test("parseSendOptions() with only a file posts it to this machine, with its name as the id", () => {
  assert.deepEqual(parseSendOptions(["some/invoice.xml"], {}), {
    url: "http://127.0.0.1:8080/payload",
    passwordFile: undefined,
    password: undefined,
    caCertFile: undefined,
    id: "invoice.xml",
    timeoutSec: undefined,
    output: undefined,
    retries: 0,
    file: "some/invoice.xml",
  });
  assert.equal(parseSendOptions(["-"], {}).id, "stdin");
});

Deno.test("parseSendOptions() accepts as --url the server or the resource", () => {
  for (const url of ["http://h:1", "http://h:1/", "http://h:1/payload", "http://h:1/payload/"]) {
    assert.equal(parseSendOptions(["-", "--url", url], {}).url, "http://h:1/payload");
  }
  assert.equal(parseSendOptions(["-", "--url", "https://h/a/"], {}).url, "https://h/a/payload");
});

Deno.test("parseSendOptions() puts the name of --command below the path of jobs", () => {
  const urlOf = (...args: string[]) => parseSendOptions(["-", "--command", "pdf", ...args], {}).url;
  assert.equal(urlOf(), "http://127.0.0.1:8080/payload/pdf");
  for (const url of ["http://h:1", "http://h:1/", "http://h:1/payload", "http://h:1/payload/"]) {
    assert.equal(urlOf("--url", url), "http://h:1/payload/pdf");
  }
  assert.equal(urlOf("--url", "https://h/a/?b=c"), "https://h/a/payload/pdf?b=c");
});

Deno.test("parseSendOptions() rejects each wrong flag with its sentence", () => {
  const cases: [string[], RegExp][] = [
    [[], /^FILE: must be one file/],
    [["a", "b"], /^FILE: must be one file/],
    [
      ["a", "--url", "h:1"],
      /^--url=h:1: must be an http or https URL without a user name or password$/,
    ],
    [["a", "--url", "http://u:hunter2@h"], /^--url=\*\*\*: must be/],
    [["a", "--url"], /^--url: must be given a value: an http or https URL$/],
    [["a", "--url", "--id", "x"], /^--url: must be given a value: an http or https URL$/],
    [
      ["a", "--command", "../x"],
      /^--command=\.\.\/x: must be a command's name: a lower-case letter/,
    ],
    [["a", "--command="], /^--command=: must be a command's name: a lower-case letter/],
    [["a", "--command"], /^--command: must be given a value: a command's name$/],
    [["a", "--timeout", "0"], /^--timeout=0: must be a number of seconds greater than 0$/],
    [["a", "--retry", "1.5"], /^--retry=1.5: must be a whole number from 0 to 1000000$/],
    [["a", "--id", ""], /^--id=: must have 1 to 1024 characters without NUL$/],
    [["a", "--nonsense"], /^--nonsense: must be a flag of jobrunner send$/],
    [["--password", "hunter2", "a"], /^--password: must be a flag of jobrunner send$/],
    [["--password=hunter2", "a"], /^--password: must be a flag of jobrunner send$/],
    [["-phunter2", "a"], /^-p: must be a flag of jobrunner send$/],
  ];
  for (const [args, sentence] of cases) {
    assert.throws(() => parseSendOptions(args, {}), { exit: 64, message: sentence });
  }
});

Deno.test("exitCodeOf() never turns a status that a process cannot exit with into 0", () => {
  assert.deepEqual([0, 3, 255, 256, -1, 3221225786].map(exitCodeOf), [0, 3, 255, 255, 255, 58]);
});

Deno.test("progressLine() shows its share of the bar", () => {
  assert.equal(progressLine(5, 10), `sending [${"#".repeat(15)}${" ".repeat(15)}] 50 %`);
});

Deno.test("parseSendOptions() prefers --password-file to both variables, which exclude each other", () => {
  const passwordOf = (args: string[], env: Record<string, string>, undecodable: string[] = []) => {
    const { passwordFile, password } = parseSendOptions(["a", ...args], env, undecodable);
    return { passwordFile, password };
  };
  const flag = ["--password-file", "flag"];
  const file = { JOBRUNNER_PASSWORD_FILE: "file" };
  const variable = { JOBRUNNER_PASSWORD: "\r\nhunter2\r\n" };
  assert.deepEqual(passwordOf([], {}), { passwordFile: undefined, password: undefined });
  assert.deepEqual(passwordOf([], file), { passwordFile: "file", password: undefined });
  assert.deepEqual(passwordOf([], variable), { passwordFile: undefined, password: "hunter2" });
  assert.deepEqual(
    passwordOf(flag, { ...file, ...variable }, ["JOBRUNNER_PASSWORD"]),
    { passwordFile: "flag", password: undefined },
  );
  assert.throws(() => passwordOf([], { ...file, ...variable }), {
    exit: 64,
    message: "JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set",
  });
  assert.throws(() => passwordOf([], {}, ["JOBRUNNER_PASSWORD"]), {
    exit: 64,
    message: "JOBRUNNER_PASSWORD: must be UTF-8 text",
  });
  assert.throws(() => passwordOf([], { JOBRUNNER_PASSWORD: "hunter2\nhunter2" }), {
    exit: 64,
    message: "JOBRUNNER_PASSWORD=***: must be a password (it must be one line, not several)",
  });
});
