/**
 * `GET /commands`: the commands, their limits and the state of their pools as JSON.
 *
 * @module
 */

import { encodeCommands } from "../../wire/commands.ts";
import { json, page } from "../answer/page.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";

/** See the module's head. */
export function commands(door: FrontDoor): Handlers<"/commands"> {
  return { GET: (c) => page(c, json, encodeCommands(door.commands())) };
}
