import assert from "node:assert/strict";
import { type CommandState, encodeCommands, isCommandName } from "../../src/wire/commands.ts";

Deno.test("isCommandName() accepts short names of lower-case letters, digits, _ and -", () => {
  for (const name of ["a", "pdf", "pdf-2", "to_pdf", `a${"9".repeat(31)}`]) {
    assert.ok(isCommandName(name), name);
  }
  for (
    const name of ["", "2pdf", "-a", "_a", "Pdf", "pdF", "a b", "a/b", "a%20", "ä", "a\n", "a.b"]
  ) {
    assert.ok(!isCommandName(name), JSON.stringify(name));
  }
  assert.ok(!isCommandName(`a${"9".repeat(32)}`));
});

const pdf: CommandState = {
  name: "pdf",
  description: "Office document to PDF",
  pool: "office",
  numWorkers: 2,
  queueLimit: 20,
  queueTimeoutSec: 0.25,
  jobTimeoutSec: 300,
  maxRequestBytes: 1000,
  maxRunBytes: 1500,
  maxOutputBytes: 2000,
  maxResultBytes: 2500,
  busy: 1,
  queuedJobs: 3,
};

Deno.test("encodeCommands() gives the default, and each command with its path, limits and pool", () => {
  assert.equal(
    encodeCommands({ defaultName: "pdf", commands: [pdf] }),
    '{"default":"pdf","commands":[{"name":"pdf","description":"Office document to PDF","path":"/payload/pdf",' +
      '"pool":"office","num_workers":2,"queue_limit":20,"queue_timeout_sec":0.25,"job_timeout_sec":300,' +
      '"max_request_bytes":1000,"max_run_bytes":1500,"max_output_bytes":2000,"max_result_bytes":2500,' +
      '"busy":1,"queued_jobs":3}]}\n',
  );
});

Deno.test("encodeCommands() writes null for a limit or a default that does not exist, and omits a description", () => {
  const { default: none, commands: [command] } = JSON.parse(encodeCommands({
    defaultName: undefined,
    commands: [{
      ...pdf,
      description: undefined,
      queueTimeoutSec: Infinity,
      jobTimeoutSec: Infinity,
      maxRequestBytes: Infinity,
      maxRunBytes: Infinity,
      maxOutputBytes: Infinity,
      maxResultBytes: Infinity,
    }],
  }));
  assert.equal(none, null);
  assert.ok(!("description" in command));
  for (
    const key of ["queue_timeout_sec", "job_timeout_sec", "max_request_bytes", "max_run_bytes"]
  ) {
    assert.equal(command[key], null, key);
  }
  assert.deepEqual([command.max_output_bytes, command.max_result_bytes], [null, null]);
});
