import assert from "node:assert/strict";
import fc from "fast-check";
import { commandKeys, poolKeys } from "../../../src/config/file/command_keys.ts";
import { keysOf } from "../../../src/config/file/section.ts";
import { settings } from "../../../src/config/settings.ts";
import { configure } from "../../support/machine.ts";

const good = `# Settings of the whole server
http_listen_port = 8080
job_timeout_sec = 300
default_command = "pdf"
allowed_hosts = ["jobs.example.com", "*.example.net"]
password = "x"

[commands.pdf]
description = "Office document to PDF"
cmd = '''/bin/date "a b"
c'''
num_workers = 2
env = { SOFFICE_HOME = "/srv/soffice" }
inherit_env = ["PATH",
  "LANG"]
working_directory = "/tmp"
umask = 0o027

[commands.preview]
cmd = "/bin/date"
pool = "office"
limit_memory_bytes = 4294967296

[pools.office]
num_workers = 1
queue_limit = 5
`;

/** Whatever a file says: a frozen configuration, or errors that say where. */
function check(toml: string): boolean {
  const result = configure({}, { toml });
  if (!result.ok) {
    assert.notEqual(result.errors.length, 0, toml);
    for (const error of result.errors) {
      assert.match(error, /^(jobrunner\.toml:[1-9]\d*|JOBRUNNER_[A-Z_]+=.*): ./);
      assert.doesNotMatch(error, /\p{Cc}/u);
    }
    return false;
  }
  const visit = (value: unknown) => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
    assert.ok(Object.isFrozen(value));
    Object.values(value).forEach(visit);
  };
  visit(result.config);
  const { commands, pools, defaultCommand } = result.config;
  const names = commands.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length > 0);
  assert.ok(defaultCommand === undefined || names.includes(defaultCommand));
  assert.deepEqual(
    [...new Set(commands.map(({ pool }) => pool))].sort(),
    pools.map(({ name }) => name).sort(),
  );
  return true;
}

const keys = [
  ...new Set([...keysOf(settings), ...commandKeys, ...poolKeys].map(({ name }) => name)),
  "commands",
  "pools",
  "pdf",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  "a b",
  "worker",
];
const key = fc.constantFrom(...keys).map((name) =>
  /^[\w-]+$/.test(name) ? name : JSON.stringify(name)
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) =>
      Number.isInteger(number) ? `${BigInt(number)}` : String(number)
    ),
    fc.string().map((text) => JSON.stringify(text).replaceAll("\x7f", "")),
    fc.constantFrom(
      "0o027",
      "27",
      "nan",
      "-inf",
      "true",
      "2020-01-01",
      "'/tmp'",
      "'/bin/date'",
      "'pdf'",
      '"""\n[x]\n"""',
    ),
    fc.array(tie("any"), { maxLength: 3 }).map((values) => `[${values.join(", ")}]`),
    fc.uniqueArray(fc.tuple(key, tie("any")), { maxLength: 3, selector: ([key]) => key }).map((
      entries,
    ) => `{ ${entries.map(([key, value]) => `${key} = ${value}`).join(", ")} }`),
  ),
})).any as fc.Arbitrary<string>;
const line = fc.oneof(
  fc.tuple(fc.array(key, { minLength: 1, maxLength: 4 }), value).map(([path, value]) =>
    `${path.join(".")} = ${value}`
  ),
  fc.array(key, { minLength: 1, maxLength: 4 }).map((path) => `[${path.join(".")}]`),
  fc.constantFrom("[commands.pdf]", "[pools.pdf]", "cmd = '/bin/date'", "", "# x"),
);

Deno.test("the good file of these properties is valid", () => assert.ok(check(good)));

Deno.test("any lines of TOML are a frozen configuration or errors that say where, never an exception", () => {
  fc.assert(fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
    check(lines.join("\n"));
  }));
});

Deno.test("any value of any key of a command is accepted or a fault in its line", () => {
  const own = fc.constantFrom(
    ...commandKeys.map(({ name }) => name).filter((name) => name !== "cmd"),
  );
  fc.assert(fc.property(own, value, (name, value) => {
    const toml = `[commands.a]\ncmd = "/bin/date"\n${name} = ${value}`;
    const result = configure({}, { toml });
    if (result.ok) return;
    for (const error of result.errors) assert.match(error, /^jobrunner\.toml:3: /);
  }));
});

Deno.test("any mutation of a good file is a frozen configuration or errors that say where", () => {
  const at = fc.nat({ max: good.length });
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('"', "'''", "[", "]", "=", "\n", "-", "\0", "{"),
  );
  fc.assert(
    fc.property(at, fc.nat({ max: 12 }), text, (at, count, text) => {
      check(good.slice(0, at) + text + good.slice(at + count));
    }),
    { numRuns: 500 },
  );
});

Deno.test("any line of a good file may be missing, doubled or moved", () => {
  const lines = good.split("\n");
  const index = fc.nat({ max: lines.length - 1 });
  fc.assert(fc.property(index, index, fc.boolean(), (from, to, remove) => {
    const moved = [...lines];
    const [line = ""] = moved.slice(from);
    if (remove) moved.splice(from, 1);
    moved.splice(to, 0, line);
    check(moved.join("\n"));
  }));
});
