import assert from "node:assert/strict";
import { readConfigFile } from "../../../src/config/file/config_file.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import { parseCommandLine } from "../../../src/config/sources.ts";
import { configFile, type Disk, errorsOfFile, machine } from "../../support/machine.ts";

const good = "[commands.pdf]\ncmd = '/bin/date'\n";

/** The errors of a configuration whose file is read from a disk, or the names of its commands. */
async function read(
  env: Readonly<Record<string, string>>,
  disk: Disk,
  { args = [], os }: { readonly args?: readonly string[]; readonly os?: string } = {},
): Promise<readonly string[]> {
  const commandLine = parseCommandLine(args);
  const around = machine(disk, os);
  const file = await readConfigFile(env, commandLine, around);
  const result = parseConfig(env, commandLine, around, file);
  return result.ok ? result.config.commands.map(({ name }) => name) : result.errors;
}

/** Reads a file of these bytes. */
function readBytes(bytes: Uint8Array<ArrayBuffer>): Promise<readonly string[]> {
  return read({ JOBRUNNER_CONFIG_FILE: "c.toml" }, { "/work/c.toml": { bytes } });
}

Deno.test("readConfigFile() reads the file of the flag or else of the variable, relative to the working directory", async () => {
  const disk: Disk = { "/work/a.toml": { text: good }, "/etc/b.toml": { text: "[pools.x]" } };
  const env = { JOBRUNNER_CONFIG_FILE: "/etc/b.toml" };
  assert.deepEqual(await read(env, disk, { args: ["--config-file=a.toml"] }), ["pdf"]);
  assert.match((await read(env, disk)).join(), /\/etc\/b\.toml:1: pools\.x: must be named/);
  const windows: Disk = {
    "C:\\work\\a.toml": { text: good.replace("/bin/date", "C:\\a.exe") },
    "C:\\tmp": "folder",
  };
  assert.deepEqual(
    await read({ jobrunner_config_file: "a.toml" }, windows, { os: "windows" }),
    ["pdf"],
  );
});

Deno.test("readConfigFile() is undefined without a file: nothing is named", async () => {
  assert.equal(await readConfigFile({}, parseCommandLine([]), machine()), undefined);
  const empty = { JOBRUNNER_CONFIG_FILE: "" };
  assert.equal(await readConfigFile(empty, parseCommandLine([]), machine()), undefined);
  const result = parseConfig({ JOBRUNNER_CMD: "/bin/date" }, parseCommandLine([]), machine());
  assert.equal(result.ok && result.config.named, false);
});

Deno.test("a file that is missing, too large or not UTF-8 is one error, beside those of the rest", async () => {
  const wanted = "must be a readable TOML file";
  const missing = { JOBRUNNER_CONFIG_FILE: "none.toml", JOBRUNNER_NUM_WORKERS: "x" };
  assert.deepEqual(await read(missing, {}), [
    `JOBRUNNER_CONFIG_FILE=none.toml: ${wanted} (No such file)`,
    "JOBRUNNER_NUM_WORKERS=x: must be a whole number from 1 to 1024",
  ]);
  assert.deepEqual(
    await read({ JOBRUNNER_DEFAULT_COMMAND: "pdf" }, {}, { args: ["--config-file=/x y"] }),
    [
      `--config-file=/x y: ${wanted} (No such file)`,
    ],
  );
  const comment = (length: number) =>
    new TextEncoder().encode(`${good}#`.padEnd(length, "x")) as Uint8Array<ArrayBuffer>;
  assert.deepEqual(await readBytes(comment(2 ** 20)), ["pdf"]);
  assert.deepEqual(await readBytes(comment(2 ** 20 + 1)), [
    `JOBRUNNER_CONFIG_FILE=c.toml: ${wanted} (it must have at most 1048576 bytes)`,
  ]);
  assert.deepEqual(await readBytes(Uint8Array.of(0x23, 0xff)), [
    `JOBRUNNER_CONFIG_FILE=c.toml: ${wanted} (it must be UTF-8 text)`,
  ]);
  const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode(good)]);
  assert.deepEqual(await readBytes(marked), ["pdf"], "a byte order mark is dropped");
});

Deno.test("a syntax error is one line with the path as given and the line, beside the other errors", () => {
  for (
    const [text, line, reason] of [
      ["a = 1\nb = 30s\n", 2, "illegal character in numeric literal"],
      ["[a]\n[b]\n[a]\n", 3, "trying to redefine an already defined table or value"],
      ["a = 1\r\na = 2", 2, "trying to redefine an already defined table or value"],
      ['a = "x\ny"', 1, "control characters are not allowed in strings"],
      ["password = hunter2", 1, "invalid value"],
      ["[".repeat(9000), 1, "illegal character in key"],
      [
        `a = ${"[".repeat(9000)}`,
        1,
        "document contains excessively nested structures. aborting.",
      ],
    ] as const
  ) {
    const sentence = `jobrunner.toml:${line}: must be valid TOML (${reason})`;
    assert.deepEqual(errorsOfFile(text), [sentence]);
    assert.deepEqual(configFile(text).errors, [sentence]);
    assert.deepEqual(errorsOfFile(text, { env: { JOBRUNNER_LOG_LEVEL: "loud" } }), [
      sentence,
      "JOBRUNNER_LOG_LEVEL=loud: must be debug or info or warning or error",
    ]);
  }
});
