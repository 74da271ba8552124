import assert from "node:assert/strict";
import { readTokensFile } from "../../../src/config/file/config_file.ts";
import { maxTokens } from "../../../src/config/file/tokens.ts";
import { parseCommandLine } from "../../../src/config/sources.ts";
import { newToken } from "../../../src/wire/tokens.ts";
import { configFile, configure, type Disk, errorsOfFile, machine } from "../../support/machine.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];
const toml = "[commands.pdf]\ncmd = '/bin/date'\n[commands.octave]\ncmd = '/bin/date'\n";

/** The tokens of a configuration with the commands `pdf` and `octave`; an error fails the test. */
function tokensOf(tokens: string) {
  const result = configure({}, { toml, tokens });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config.http.tokens;
}

Deno.test("readTokens() reads each table with all its keys, and with the fewest", () => {
  assert.deepEqual(
    tokensOf(`
[tokens.ci]
sha256 = ["${a.toUpperCase()}", "${b}"]
scopes = ["metrics", "submit", "submit"]
commands = ["pdf"]
expires = 2027-01-01
addresses = ["10.0.0.0/8", "::1"]
max_running = 2
max_waiting = 0

[tokens.x]
sha256 = "${c}"
scopes = ["status"]
`),
    [{
      name: "ci",
      digests: [a, b],
      scopes: ["submit", "metrics"],
      commands: ["pdf"],
      expiresMs: Date.UTC(2027, 0, 1),
      addresses: ["10.0.0.0/8", "::1"],
      maxRunning: 2,
      maxWaiting: 0,
    }, {
      name: "x",
      digests: [c],
      scopes: ["status"],
      commands: undefined,
      expiresMs: Infinity,
      addresses: undefined,
      maxRunning: Infinity,
      maxWaiting: Infinity,
    }],
  );
});

Deno.test("readTokens() reads a date as its midnight in UTC, and a time without an offset as UTC", () => {
  const expiryOf = (expires: string) =>
    tokensOf(`tokens.t = { sha256 = "${a}", scopes = "submit", expires = ${expires} }`)
      ?.[0]?.expiresMs;
  assert.equal(expiryOf("2027-03-04"), Date.UTC(2027, 2, 4));
  assert.equal(expiryOf("2027-03-04T05:06:07"), Date.UTC(2027, 2, 4, 5, 6, 7));
  assert.equal(expiryOf("2027-03-04T05:06:07+02:00"), Date.UTC(2027, 2, 4, 3, 6, 7));
});

Deno.test("readTokens(): without a configuration file the only command is default", () => {
  const env = { JOBRUNNER_CMD: "/bin/date" };
  const given = (command: string) => ({
    tokens: `tokens.t = { sha256 = "${a}", scopes = ["submit"], commands = ["${command}"] }`,
  });
  assert.ok(configure(env, given("default")).ok);
  assert.deepEqual(configure(env, given("pdf")), {
    ok: false,
    errors: ['tokens.toml:1: tokens.t.commands: "pdf" is no command'],
  });
});

const digestWanted =
  "must be the SHA-256 of the token in 64 hexadecimal digits, or an array of two while the token is replaced: jobrunner token new prints it";
const scopesWanted = "must be an array of at least one of submit, status, metrics";
const commandsWanted = "must be an array of at least one name of a command";
const addressesWanted =
  "must be an array of at least one IP address or network, such as 10.0.0.0/8";
const expiresWanted = "must be a date, or a date and a time, such as 2027-01-01 without quotes";

const faults: readonly (readonly [text: string, ...errors: string[]])[] = [
  ["", "tokens.toml: must have a table [tokens.NAME] for each token"],
  ["[tokens]", "tokens.toml: must have a table [tokens.NAME] for each token"],
  ["tokens = 1", "tokens.toml:1: tokens: must be tables [tokens.NAME]"],
  ["x = 1", "tokens.toml:1: x: must stand in a table [tokens.NAME]"],
  ["[tokens]\nt = 1", "tokens.toml:2: tokens.t: must be a table [tokens.NAME]"],
  [
    "[tokens.t]",
    `tokens.toml:1: tokens.t.sha256: ${digestWanted}`,
    `tokens.toml:1: tokens.t.scopes: ${scopesWanted}`,
  ],
  [
    `[tokens.password]\nsha256 = "${a}"\nscopes = ["submit"]`,
    "tokens.toml:1: tokens.password: must have another name: password stands for X-JR-PASSWORD",
  ],
  [
    `[tokens.T]\nsha256 = "${a}"\nscopes = ["submit"]`,
    "tokens.toml:1: tokens.T: must have a name of this form: a lower-case letter, then up to 31 lower-case letters, digits, _ and -",
  ],
  ...["7", '"x"', "[]", `["${a}", "${b}", "${c}"]`, `"${a}0"`, `["${a}", 1]`].map((value) =>
    [
      `[tokens.t]\nscopes = ["submit"]\nsha256 = ${value}`,
      `tokens.toml:3: tokens.t.sha256: ${digestWanted}`,
    ] as const
  ),
  ...["7", "[]", '["submit", 1]'].map((value) =>
    [
      `[tokens.t]\nsha256 = "${a}"\nscopes = ${value}`,
      `tokens.toml:3: tokens.t.scopes: ${scopesWanted}`,
    ] as const
  ),
  [
    `[tokens.t]\nsha256 = "${a}"\nscopes = ["submit"]\nscope = 1\ncommands = []\nexpires = "2027"\naddresses = 1`,
    "tokens.toml:4: tokens.t.scope: no such key; did you mean scopes?",
    `tokens.toml:5: tokens.t.commands: ${commandsWanted}`,
    `tokens.toml:6: tokens.t.expires: ${expiresWanted}`,
    `tokens.toml:7: tokens.t.addresses: ${addressesWanted}`,
  ],
  [
    `[tokens.t]\nsha256 = "${a}"\nscopes = ["submit", "all"]\ncommands = ["octav"]\nexpires = 10:00:00\naddresses = ["1.2.3.4/33"]`,
    'tokens.toml:3: tokens.t.scopes: "all" is no scope: there are submit, status, metrics',
    'tokens.toml:4: tokens.t.commands: "octav" is no command; did you mean octave?',
    `tokens.toml:5: tokens.t.expires: ${expiresWanted}`,
    'tokens.toml:6: tokens.t.addresses: "1.2.3.4/33" is neither an address nor a network',
  ],
  ...["0", "-1", "1.5", '"2"', "1000001", "9007199254740993", "true"].map((value) =>
    [
      `[tokens.t]\nsha256 = "${a}"\nscopes = ["submit"]\nmax_running = ${value}`,
      "tokens.toml:4: tokens.t.max_running: must be a whole number from 1 to 1000000",
    ] as const
  ),
  [
    `[tokens.t]\nsha256 = "${a}"\nscopes = ["submit"]\nmax_waiting = -1`,
    "tokens.toml:4: tokens.t.max_waiting: must be a whole number from 0 to 1000000",
  ],
  [
    `tokens.t = { sha256 = "${a}", scopes = ["submit"] }\ntokens.u = { sha256 = "${a}", scopes = ["submit"] }`,
    "tokens.toml:2: tokens.u.sha256: must be another digest: the token t has this one",
  ],
  [
    `tokens.t = { sha256 = ["${a}", "${a}"], scopes = ["submit"] }`,
    "tokens.toml:1: tokens.t.sha256: must be another digest: the token t has this one",
  ],
];

for (const [text, ...errors] of faults) {
  Deno.test(`readTokens() reports all faults with their lines: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(configure({}, { toml, tokens: text }), { ok: false, errors });
  });
}

Deno.test("readTokens() takes 1024 tokens, and one more is a fault", () => {
  const tables = Array.from(
    { length: maxTokens + 1 },
    (_, index) =>
      `tokens.t${index} = { sha256 = "${
        index.toString(16).padStart(64, "0")
      }", scopes = ["submit"] }`,
  );
  assert.equal(tokensOf(tables.slice(1).join("\n"))?.length, maxTokens);
  assert.deepEqual(configure({}, { toml, tokens: tables.join("\n") }), {
    ok: false,
    errors: [
      `tokens.toml:${
        maxTokens + 1
      }: tokens.t${maxTokens}: must be left out: there may be at most ${maxTokens} tokens`,
    ],
  });
});

Deno.test("readTokens() does not look for commands in a configuration file that cannot be read", () => {
  const tokens = `tokens.t = { sha256 = "${a}", scopes = ["submit"], commands = ["pdf"] }`;
  const result = configure({}, { toml: "x", tokens });
  assert.deepEqual(
    result.ok ? [] : result.errors.filter((error) => error.startsWith("tokens.toml")),
    [],
  );
});

/** The errors of a tokens file with this text, which a configuration file names. */
async function errorsIn(text: string, disk: Disk = {}): Promise<readonly string[] | undefined> {
  const file = await readTokensFile(
    {},
    parseCommandLine([]),
    machine({ "/work/t": { text }, ...disk }),
    configFile("tokens_file = 't'\n"),
  );
  return file?.errors;
}

Deno.test("readTokensFile() reads the file that the configuration file names, relative to the working directory", async () => {
  assert.deepEqual(await errorsIn("[tokens.x]"), []);
  const line = parseCommandLine(["--tokens-file=/t"]);
  const around = machine({ "/t": { text: "[tokens.y]" } });
  const file = await readTokensFile({}, line, around, configFile("tokens_file = 't'\n"));
  assert.deepEqual(file?.top, {
    __proto__: null,
    tokens: { __proto__: null, y: { __proto__: null } },
  });
  assert.equal(await readTokensFile({}, parseCommandLine([]), around, undefined), undefined);
});

Deno.test("readTokensFile() reports a file that is missing, too large or no text where it is named", async () => {
  const line = parseCommandLine([]);
  const named = configFile("\ntokens_file = 't'\n");
  const missing = await readTokensFile({}, line, machine(), named);
  assert.deepEqual(missing?.errors, [
    'jobrunner.toml:2: tokens_file = "t": must be a readable TOML file with tokens (No such file)',
  ]);
  const env = { JOBRUNNER_TOKENS_FILE: "t" };
  const large = machine({ "/work/t": { text: "#".repeat(2 ** 20 + 1) } });
  assert.deepEqual((await readTokensFile(env, line, large, undefined))?.errors, [
    "JOBRUNNER_TOKENS_FILE=t: must be a readable TOML file with tokens (it must have at most 1048576 bytes)",
  ]);
  const bytes = machine({ "/work/t": { bytes: new Uint8Array([0xff]) } });
  assert.deepEqual((await readTokensFile(env, line, bytes, undefined))?.errors, [
    "JOBRUNNER_TOKENS_FILE=t: must be a readable TOML file with tokens (it must be UTF-8 text)",
  ]);
});

Deno.test("readTokensFile() shows nothing of a file that is no TOML, or holds a token itself", async () => {
  const token = newToken();
  for (const text of [`a = ${token}`, `"${token}`, `${token} = = 1`, `[x]\n[x]\n${token}`]) {
    const errors = await errorsIn(text);
    assert.match(errors?.join("\n") ?? "", /^t:\d+: must be valid TOML$/);
  }
  for (
    const text of [`x = "${token}"`, `[tokens.${token}]`, `# ${token}`, `[tokens.t]\n${token} = 1`]
  ) {
    const errors = await errorsIn(text);
    assert.match(
      errors?.join("\n") ?? "",
      /^t:\d: must hold no token, only its SHA-256: jobrunner token new prints that$/,
    );
  }
});

Deno.test("a server with a tokens file may listen beyond loopback, and an expired token is a warning", () => {
  const tokens = `tokens.t = { sha256 = "${a}", scopes = "submit", expires = 1970-01-02 }`;
  const env = { JOBRUNNER_CMD: "/bin/date", JOBRUNNER_HTTP_LISTEN_ADDRESS: "0.0.0.0" };
  const warningsAt = (nowMs: number) => {
    const result = configure(env, { tokens, around: { nowMs } });
    assert.ok(result.ok, JSON.stringify(result));
    return result.warnings;
  };
  assert.deepEqual(warningsAt(86_399_999), []);
  assert.deepEqual(warningsAt(86_400_000), [
    "the token t has expired (1970-01-02T00:00:00.000Z): requests with it get 401",
  ]);
});

Deno.test("with a tokens file, no command may get the header Authorization", () => {
  const tokens = `tokens.t = { sha256 = "${a}", scopes = "submit" }`;
  const top = "pass_headers = 'Authorization'\n[commands.a]\ncmd = '/bin/date'\n";
  const own = "[commands.a]\ncmd = '/bin/date'\npass_headers = ['x', 'authorization']\n";
  assert.equal(configure({}, { toml: top }).ok, true);
  assert.equal(configure({}, { toml: own }).ok, true);
  assert.match(
    errorsOfFile(top, { tokens })[0] ?? "",
    /^jobrunner.toml:1: pass_headers.*tokens of clients/,
  );
  assert.deepEqual(errorsOfFile(own, { tokens }), [
    "jobrunner.toml:3: commands.a.pass_headers: must not name authorization: authorization holds the tokens of clients",
  ]);
});
