import assert from "node:assert/strict";
import { errorsOf } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("parseCommandLine() reports an unknown flag and its value as one error, also --constructor", () => {
  assert.deepEqual(errorsOf(cmd, ["--num-worker", "7"]).length, 1);
  assert.match(errorsOf(cmd, ["--constructor"]).join(), /^--constructor: must be a flag/);
});

Deno.test("parseCommandLine() rejects --password and does not show what was given with it", () => {
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
  ) assert.deepEqual(errorsOf(cmd, args), [`--password: ${unknown}`], args.join(" "));
  assert.deepEqual(errorsOf(cmd, ["-phunter2"]), [`-p: ${unknown}`]);
  assert.deepEqual(errorsOf(cmd, ["--cmd", "--password", "hunter2"]), [
    "--cmd: must be given a value: a program and its arguments",
  ]);
  assert.deepEqual(errorsOf(cmd, ["JOBRUNNER_PASSWORD=hunter2", "hunter2"]), [
    "JOBRUNNER_PASSWORD=***: unexpected argument: the command goes after --",
  ]);
  assert.deepEqual(errorsOf(cmd, ["--check=hunter2"]), ["--check: must be given no value"]);
});

Deno.test("parseCommandLine() reports an error of one flag along with those of the others", () => {
  assert.deepEqual(
    errorsOf(cmd, ["--num-worker", "7", "--queue-limt=5", "stray", "--colour", "--log-level=x"])
      .map((error) => error.split(":")[0]),
    ["--num-worker", "--queue-limt", "--colour", "--log-level=x"],
  );
});
