/**
 * Checks that the requests of a server have left nothing behind.
 *
 * @module
 */

import assert from "node:assert/strict";
import { scrape, statusOf } from "./client.ts";
import { openFilesIn } from "./open_files.ts";
import { eventually } from "./processes.ts";
import type { Program } from "./program.ts";
import { filesIn, spoolIn } from "./spool.ts";

/**
 * Waits until no request holds disk space, memory or a place. With the folder of the server's spool, no file of a request may be
 * there or open.
 */
export async function expectNothingLeft({ url, pid }: Program, spool?: string): Promise<void> {
  await eventually("nothing runs or waits", async () => {
    const { queued_jobs, busy } = await statusOf(url);
    return queued_jobs === 0 && busy === 0;
  });
  await eventually("disk space and memory are free", async () => {
    const samples = await scrape(url);
    const { buffered_bytes } = await statusOf(url);
    return samples.get("jobrunner_spooled_bytes") === 0 && buffered_bytes === 0;
  });
  assert.equal((await scrape(url)).get("jobrunner_live_listeners"), 0);
  if (spool === undefined) return;
  const own = spoolIn(spool);
  await eventually("files are removed", () => filesIn(own).length === 0);
  await eventually("files are closed", () => openFilesIn(`${own}/`, pid).length === 0);
}
