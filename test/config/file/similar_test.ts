import assert from "node:assert/strict";
import { mostSimilar } from "../../../src/config/file/similar.ts";
import { commandKeys } from "../../../src/config/file/command_keys.ts";

const keys = commandKeys.map(({ name }) => name);

Deno.test("mostSimilar() finds the key that a slip, a part or another notation of it means", () => {
  for (
    const [word, meant] of [
      ["worker", "num_workers"],
      ["num_worker", "num_workers"],
      ["num-workers", "num_workers"],
      ["JOBRUNNER_NUM_WORKERS", "num_workers"],
      ["queue_limt", "queue_limit"],
      ["cmdline", "cmd"],
      ["desc", "description"],
      ["environment", "env"],
      ["memory", "limit_memory_bytes"],
      ["workdir_directory", "working_directory"],
      ["ondisconnect", "on_disconnect"],
    ] as const
  ) assert.equal(mostSimilar(word, keys), meant, word);
});

Deno.test("mostSimilar() finds nothing for a word that is far from all, empty or very long", () => {
  for (const word of ["colour", "x", "", "a", "ni", "restart", "__proto__", "cmd".repeat(30)]) {
    assert.equal(mostSimilar(word, keys), undefined, word);
  }
  assert.equal(mostSimilar("pdf", []), undefined);
});

Deno.test("mostSimilar() prefers the candidate that is most alike", () => {
  assert.equal(mostSimilar("pdff", ["pdf_large", "pdf", "odf"]), "pdf");
  assert.equal(mostSimilar("timeout", ["queue_timeout_sec", "job_timeout_sec"]), "job_timeout_sec");
});
