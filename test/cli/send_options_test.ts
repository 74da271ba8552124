import assert from "node:assert/strict";
import { progressLine } from "../../src/cli/progress.ts";
import { exitCodeOf } from "../../src/cli/send.ts";
import { parseSendOptions } from "../../src/cli/send_options.ts";
import { newToken } from "../../src/wire/tokens.ts";

Deno.test("parseSendOptions() with only a file posts it to this machine, with its name as the id", () => {
  assert.deepEqual(parseSendOptions(["some/invoice.xml"], {}), {
    runUrl: "http://127.0.0.1:8080/run",
    payloadUrl: "http://127.0.0.1:8080/payload",
    socket: undefined,
    passwordFile: undefined,
    password: undefined,
    tokenFile: undefined,
    caCertFile: undefined,
    id: "invoice.xml",
    timeoutSec: undefined,
    output: undefined,
    retries: 0,
    follow: false,
    json: false,
    input: { kind: "file", path: "some/invoice.xml" },
  });
  assert.equal(parseSendOptions(["-"], {}).id, "stdin");
});

function urlsOf(...args: string[]): string[] {
  const { runUrl, payloadUrl } = parseSendOptions(["-", ...args], {});
  return [runUrl, payloadUrl];
}

const atServer = ["http://h:1", "http://h:1/", "http://h:1/payload", "http://h:1/run/"];

Deno.test("parseSendOptions() accepts as --url the server or either resource", () => {
  for (const url of atServer) {
    assert.deepEqual(urlsOf("--url", url), ["http://h:1/run", "http://h:1/payload"]);
  }
  assert.deepEqual(urlsOf("--url", "https://h/a/"), ["https://h/a/run", "https://h/a/payload"]);
});

Deno.test("parseSendOptions() accepts unix:PATH as --url", () => {
  for (const path of ["/run/a b.sock", "s", "/payload"]) {
    const { socket, runUrl, payloadUrl } = parseSendOptions(["-", "--url", `unix:${path}`], {});
    assert.equal(socket, path);
    assert.deepEqual([runUrl, payloadUrl], ["http://localhost/run", "http://localhost/payload"]);
  }
  assert.equal(parseSendOptions(["-", "--url", "http://h:1"], {}).socket, undefined);
});

Deno.test("parseSendOptions() puts the name of --command below the paths of jobs", () => {
  const pdf = ["--command", "pdf"];
  const urls = ["http://h:1/run/pdf", "http://h:1/payload/pdf"];
  for (const url of atServer) assert.deepEqual(urlsOf(...pdf, "--url", url), urls);
  assert.deepEqual(urlsOf(...pdf, "--url", "https://h/a/?b=c"), [
    "https://h/a/run/pdf?b=c",
    "https://h/a/payload/pdf?b=c",
  ]);
});

Deno.test("parseSendOptions() takes fields and files of a form in place of a file", () => {
  const { input, id } = parseSendOptions(
    ["--form", "a=b=c", "--form=doc=@dir/invoice.xml", "--form", "empty=", "--form", "in=@-"],
    {},
  );
  assert.deepEqual(input, {
    kind: "form",
    fields: [
      { name: "a", value: "b=c" },
      { name: "doc", file: "dir/invoice.xml" },
      { name: "empty", value: "" },
      { name: "in", file: "-" },
    ],
  });
  assert.equal(id, "invoice.xml");
  assert.equal(parseSendOptions(["--form", "a=b"], {}).id, "form");
  assert.equal(parseSendOptions(["--form", "a=@-"], {}).id, "stdin");
});

Deno.test("parseSendOptions() rejects each wrong flag with its sentence", () => {
  const cases: [string[], RegExp][] = [
    [[], /^FILE: must be one file/],
    [["a", "b"], /^FILE: must be one file/],
    [
      ["a", "--url", "h:1"],
      /^--url=h:1: must be an http or https URL without a user name or password, or unix:PATH$/,
    ],
    [["a", "--url", "http://u:hunter2@h"], /^--url=\*\*\*: must be/],
    [["a", "--url"], /^--url: must be given a value: an http or https URL, or unix:PATH$/],
    [["a", "--url", "--id", "x"], /^--url: must be given a value: an http or https URL, or/],
    [["a", "--url", "unix:"], /^--url=\S+: must be an http or https URL/],
    [
      ["a", "--command", "../x"],
      /^--command=\.\.\/x: must be a command's name: a lower-case letter/,
    ],
    [["a", "--command="], /^--command=: must be a command's name: a lower-case letter/],
    [["a", "--command"], /^--command: must be given a value: a command's name$/],
    [["a", "--timeout", "0"], /^--timeout=0: must be a number of seconds greater than 0$/],
    [["a", "--retry", "1.5"], /^--retry=1.5: must be a whole number from 0 to 1000000$/],
    [["a", "--id", ""], /^--id=: must have 1 to 1024 characters without NUL$/],
    [["a", "--form", "b=c"], /^FILE: must be left out with --form$/],
    [["--form", "hunter2"], /^--form: must be a field as NAME=VALUE or NAME=@FILE$/],
    [["--form", "=hunter2"], /^--form=: must be a field as NAME=VALUE or NAME=@FILE$/],
    [["--form", "a=@"], /^--form=a: must be a field as NAME=VALUE or NAME=@FILE$/],
    [["--form", "a=@-", "--form", "b=@-"], /^--form: must name standard input \(@-\) only once$/],
    [["--form", "a=b", "--json"], /^--json: must be left out with --form$/],
    [["a", "--follow", "--json"], /^--json: must be left out with --follow$/],
    [["a", "--json=yes"], /^--json: must be given no value$/],
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
  assert.equal(progressLine("sending", 5, 10), `sending [${"#".repeat(15)}${" ".repeat(15)}] 50 %`);
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

Deno.test("parseSendOptions() with --token-file takes no password, and shows no token given in place of a file", () => {
  const variables = { JOBRUNNER_PASSWORD_FILE: "file", JOBRUNNER_PASSWORD: "hunter2" };
  const { tokenFile, passwordFile, password } = parseSendOptions(
    ["a", "--token-file", "ci.token"],
    variables,
    ["JOBRUNNER_PASSWORD"],
  );
  assert.deepEqual([tokenFile, passwordFile, password], ["ci.token", undefined, undefined]);
  assert.throws(
    () => parseSendOptions(["a", "--token-file", "b", "--password-file", "c"], {}),
    { exit: 64, message: "--token-file: must be left out with --password-file" },
  );
  assert.throws(() => parseSendOptions(["a", "--token-file", newToken()], {}), {
    exit: 64,
    message: "--token-file: must name a file, and not be the token itself",
  });
});
