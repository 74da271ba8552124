/**
 * Room for a job of another machine.
 *
 * @module
 */

import type { HostShare } from "../cluster/host.ts";
import type { Buffers } from "../http/body/buffers.ts";
import type { Disk } from "../spool/disk.ts";

/** The memory and disk space of a job of another machine. */
export function shareOf(buffers: Pick<Buffers, "open">, disk: Pick<Disk, "open">): HostShare {
  const memory = buffers.open();
  const space = disk.open();
  return {
    payload: (bytes) => memory.resize(bytes),
    payloadStored: () => void memory.resize(0),
    captured: (bytes) => memory.captured(bytes),
    disk: space,
    release() {
      memory.release();
      space.release();
    },
  };
}
