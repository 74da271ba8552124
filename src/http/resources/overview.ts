/**
 * `GET /`: one line that names the endpoints, for people and for load balancers that check this path.
 *
 * @module
 */

import { methodsOf, payloadPath, routes } from "../../wire/resources.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";
import { whileReady } from "./health.ts";

const pages = routes.filter((route) => route !== "/" && methodsOf(route).includes("GET"));

const text = `jobrunner: jobs go to POST ${payloadPath}; GET ${pages.slice(0, -1).join(", ")} and ${
  pages.at(-1)
}\n`;

/** 200 while jobs are admitted, otherwise 503. */
export function overview(door: FrontDoor, errors: ErrorAnswers): Handlers<"/"> {
  return { GET: whileReady(door, errors, () => text) };
}
