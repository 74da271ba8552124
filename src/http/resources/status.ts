/**
 * `GET /status`: the state of the service as JSON.
 *
 * @module
 */

import { encodeStatus } from "../../wire/status.ts";
import { json, page } from "../answer/page.ts";
import type { Access } from "../auth.ts";
import type { Buffers } from "../body/buffers.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";

/**
 * Where tokens are in use, every client that is admitted sees everything. Otherwise the ids of jobs and processes are shown only
 * to clients that may run jobs, and the rest to everyone.
 */
export function status(
  door: FrontDoor,
  { access, buffers }: { readonly access: Access; readonly buffers: Buffers },
): Handlers<"/status"> {
  return {
    GET(c) {
      const status = { ...door.status(), ready: door.ready(), buffered: buffers.held };
      const seesIds = access.byToken ||
        !("kind" in access.admit(c.req.raw.headers, "submit", c.env));
      return page(c, json, encodeStatus(status, seesIds));
    },
  };
}
