/**
 * `GET /version`: the version of the program as JSON.
 *
 * @module
 */

import { json, page } from "../answer/page.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";

/** See the module's head. */
export function version({ version }: FrontDoor): Handlers<"/version"> {
  return { GET: (c) => page(c, json, JSON.stringify({ version }) + "\n") };
}
