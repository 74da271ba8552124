/**
 * `GET /`: one line that names the endpoints, for people and for load balancers that check this path.
 *
 * @module
 */

import { type Method, methodsOf, type Route, routesOf } from "../../wire/resources.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";
import { whileReady } from "./health.ts";

function textOf(routes: readonly Route[]): string {
  const taking = (method: Method) =>
    routes.filter((route) => route !== "/" && methodsOf(route).includes(method));
  const jobs = taking("POST").map((route) => `POST ${route}`).join(" or ");
  const pages = taking("GET");
  return `jobrunner: jobs go to ${jobs}; GET ${pages.slice(0, -1).join(", ")} and ${
    pages.at(-1)
  }\n`;
}

/** 200 while the server is ready, otherwise 503. */
export function overview(door: FrontDoor, errors: ErrorAnswers): Handlers<"/"> {
  const text = textOf(routesOf(door.named));
  return { GET: whileReady(door, errors, () => text) };
}
