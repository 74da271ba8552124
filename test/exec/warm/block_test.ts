import assert from "node:assert/strict";
import { jobVariables } from "../../../src/config/job_variables.ts";
import { blockNames, encodeBlock, maxBlockBytes } from "../../../src/exec/warm/block.ts";

const decode = (block: Uint8Array | undefined) => new TextDecoder().decode(block);

Deno.test("blockNames() names all variables of a job, those of its headers and the word", () => {
  const names = blockNames({ command: "c", pool: "p" }, ["X-Tenant", "accept-language"]);
  assert.deepEqual(names, [
    ...jobVariables,
    "JOBRUNNER_HTTP_X_TENANT",
    "JOBRUNNER_HTTP_ACCEPT_LANGUAGE",
    "TRACEPARENT",
    "TRACESTATE",
    "JOBRUNNER_END",
  ]);
});

Deno.test("blockNames() leaves out the names of command and pool if there are none", () => {
  const names = blockNames(undefined, []);
  assert.ok(!names.includes("JOBRUNNER_COMMAND") && !names.includes("JOBRUNNER_POOL"));
  assert.equal(names.length, jobVariables.length - 2 + 3);
});

Deno.test("encodeBlock() writes a line for each name, empty without a value, and an empty line", () => {
  const block = encodeBlock(["A", "B", "C"], { C: "ü=1 ", A: "", D: "of no name" });
  assert.equal(decode(block), "A=\nB=\nC=ü=1 \n\n");
});

Deno.test("encodeBlock() makes spaces of the line breaks in a value", () => {
  assert.equal(decode(encodeBlock(["A"], { A: "\r\n1\n2\r3" })), "A=  1 2 3\n\n");
});

Deno.test("encodeBlock() refuses a block of more than 64 KiB", () => {
  assert.equal(maxBlockBytes, 65_536);
  const most = "ä".repeat((maxBlockBytes - "AB=\n\n".length - 1) / 2);
  assert.equal(encodeBlock(["AB"], { AB: `${most}x` })?.length, maxBlockBytes);
  assert.equal(encodeBlock(["AB"], { AB: `${most}xx` }), undefined);
});
