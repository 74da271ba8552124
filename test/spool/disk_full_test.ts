import assert from "node:assert/strict";
import { DiskFullError, orDiskFull } from "../../src/spool/disk_full.ts";
import { noSpace } from "../support/full_disk.ts";

Deno.test("orDiskFull() recognizes a full disk and a used-up quota, and keeps the cause", () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    const cause = noSpace(code);
    const error = orDiskFull(cause);
    assert.ok(error instanceof DiskFullError, code);
    assert.equal(error.message, cause.message);
    assert.equal(error.cause, cause);
    assert.equal(error.name, "DiskFullError");
  }
});

Deno.test("orDiskFull() returns every other error as it is", () => {
  for (const error of [new Error("x"), noSpace("EIO"), new Deno.errors.NotFound("x"), "text"]) {
    assert.equal(orDiskFull(error), error);
  }
});
