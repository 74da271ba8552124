/**
 * `GET /status`: the state of the service as JSON.
 *
 * @module
 */

import { encodeStatus } from "../../wire/status.ts";
import { json, page } from "../answer/page.ts";
import type { PasswordCheck } from "../auth.ts";
import type { Buffers } from "../body/buffers.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";

/** The ids of jobs and processes are shown only to clients that may run jobs, everything else to everyone. */
export function status(
  door: FrontDoor,
  { mayRun, buffers }: { readonly mayRun: PasswordCheck; readonly buffers: Buffers },
): Handlers<"/status"> {
  return {
    GET(c) {
      const status = { ...door.status(), ready: door.ready(), buffered: buffers.held };
      return page(c, json, encodeStatus(status, mayRun(c.req.raw.headers)));
    },
  };
}
