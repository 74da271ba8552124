import assert from "node:assert/strict";
import { commonEnvironment, environmentOf } from "../../src/exec/child_env.ts";
import { configure, type Disk } from "../support/machine.ts";
import { secretOf, tokenTable } from "../support/tokens.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("warnings: no password beyond loopback, missing command, sandbox off, unknown variable", () => {
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
});

Deno.test("warnings: none about the variables that a jobrunner started by a job inherits", () => {
  const common = commonEnvironment({}, {
    command: "/bin/date",
    names: { command: "a", pool: "b" },
    passHeaders: ["x-tenant"],
  });
  const inherited = environmentOf(common, {}, {
    workerId: 1,
    id: "a",
    jobFolder: "/job",
    requestFile: "/job/request",
    requestFolder: "",
    responseFile: "/job/response",
    request: undefined,
    timeoutMs: 1000,
  });
  const result = configure({ ...inherited, JOBRUNNER_HTTP_X_TENANT: "a", JOBRUNNER_END: "" });
  assert.ok(result.ok);
  assert.deepEqual(result.warnings, []);
  const outside = configure({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADRESS: "::1" });
  assert.match(outside.ok ? outside.warnings.join() : "", /^JOBRUNNER_HTTP_LISTEN_ADRESS is not/);
});

Deno.test("warnings: shell syntax in the command, unless it is a file's whole name or came as words", () => {
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
    `JOBRUNNER_CMD contains shell syntax (${found}), but no shell is run: the program gets it unchanged; use a script or sh -c '…', or put literal text in single quotes`,
  ];
  assert.deepEqual(warnings("date | tr a b"), sentence("|"));
  assert.deepEqual(
    warnings('convert "$JOBRUNNER_REQUEST_DATA_FN" > /tmp/x'),
    sentence("> and $NAME"),
  );
  assert.deepEqual(warnings("date ; date && date $(x)"), sentence("&&, ; and $(…)"));
  assert.deepEqual(warnings("", ["--cmd=date <x"]), sentence("<"));
  assert.equal(warnings("~/bin/convert").length, 2, "the file is also missing");
  assert.deepEqual(warnings("./a|b $c.sh"), []);
  assert.deepEqual(warnings("'./a|b $c.sh' x"), []);
  assert.deepEqual(warnings("sh -c 'a | b > $C'"), []);
  assert.deepEqual(warnings('sh -c "a | b > $C"'), [], "the shell that is run expands it");
  assert.deepEqual(warnings('sh -c "a" > b'), sentence(">"));
  assert.deepEqual(warnings("", ["--", "date", "|", "$HOME", "~", "a\\;'b", "`x`", "&"]), []);
});

Deno.test("warnings: with a configuration file they name the command, and where its shell syntax is", () => {
  const toml = "[commands.pdf]\ncmd = './none'\n[commands.web]\ncmd = '/bin/date | tr'\n";
  const syntax =
    "contains shell syntax (|), but no shell is run: the program gets it unchanged; use a script or sh -c '…', or put literal text in single quotes";
  const result = configure({ JOBRUNNER_CMD: "/bin/date | x", JOBRUNNER_POOL: "x" }, { toml });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.warnings, [
    `command default: JOBRUNNER_CMD ${syntax}`,
    "command pdf: /work/none is missing or not an executable file: until that is fixed, every job will end with exit status 126 or 127",
    `command web: commands.web.cmd ${syntax}`,
  ]);
  const own = configure({}, { toml: "[commands.default]\ncmd = '/bin/date | x'\n" });
  assert.deepEqual(own.ok && own.warnings, [
    `command default: commands.default.cmd ${syntax}`,
  ]);
});

Deno.test("warnings: a token with addresses on a unix socket, unless X-Forwarded-For counts there", () => {
  const submit = 'scopes = ["submit"]';
  const tokens = tokenTable("ci", secretOf("a"), submit, 'addresses = ["10.0.0.0/8"]') +
    tokenTable("web", secretOf("b"), submit);
  const warnings = (env: Record<string, string>) => {
    const result = configure({ ...cmd, ...env }, { tokens });
    return result.ok ? result.warnings : undefined;
  };
  const socket = { JOBRUNNER_HTTP_LISTEN_ADDRESS: "unix:/s" };
  assert.deepEqual(warnings(socket), [
    "the token ci has addresses, and a unix socket shows none: requests with it get 403; JOBRUNNER_TRUSTED_PROXIES=unix takes them from X-Forwarded-For",
  ]);
  assert.deepEqual(warnings({ ...socket, JOBRUNNER_TRUSTED_PROXIES: "unix" }), []);
  assert.deepEqual(warnings({}), []);
});

Deno.test("warnings: a tokens file beside a shared queue", () => {
  const tokens = tokenTable("web", secretOf("b"), 'scopes = ["submit"]');
  const env = { ...cmd, JOBRUNNER_NATS_URL: "nats://h" };
  const both = configure(env, { tokens });
  assert.deepEqual(both.ok ? both.warnings : both.errors, [
    "JOBRUNNER_NATS_URL is set beside a tokens file: max_running and max_waiting count the jobs that came to this machine, and the fair queue is off",
  ]);
  for (const one of [configure(env), configure(cmd, { tokens })]) {
    assert.deepEqual(one.ok ? one.warnings : one.errors, []);
  }
});

Deno.test("warnings: none about a unix socket without a password", () => {
  const result = configure({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: "unix:/s" });
  assert.deepEqual(result.ok ? result.warnings : undefined, []);
});
