/**
 * Answers requests for which no resource has a handler: OPTIONS, methods that a path does not accept, unknown paths.
 *
 * @module
 */

import { methodsOf, type Route, routes } from "../wire/resources.ts";
import { commonHeaders } from "./answer/page.ts";
import { allow } from "./answer/problem.ts";
import type { ErrorAnswers } from "./answer/error_answers.ts";
import type { Call } from "./handler.ts";

const methodsByRoute: ReadonlyMap<Route, string> = new Map(
  routes.map((route) => [route, methodsOf(route).join(", ")]),
);

const allMethods = [...new Set(routes.flatMap(methodsOf))].join(", ");

/** The methods that the request's path accepts, without OPTIONS, which every path accepts; empty for an unknown path. */
function methodsAt({ route, path }: Call["env"]): string {
  if (route !== undefined) return methodsByRoute.get(route) ?? "";
  // OPTIONS * asks about the server as a whole (RFC 9110, section 9.3.7); the runtime turns it into this path.
  return path === "/*" ? allMethods : "";
}

/** The answer to OPTIONS, whatever the path. */
export function optionsAnswer({ env }: Call): Response {
  const headers = { ...allow(methodsAt(env)), ...commonHeaders(env) };
  return new Response(null, { status: 204, headers });
}

/** The answer to any other method: 405 if the path exists, otherwise 308 to the path without doubled slashes, or 404. */
export function unservedAnswer(c: Call, { answer }: ErrorAnswers): Response {
  const methods = methodsAt(c.env);
  if (methods !== "") return answer(c, { kind: "method_not_allowed", methods });
  // A server address that ends in a slash makes clients ask for //payload; they follow the redirect.
  // A target that is not a URL, as with CONNECT, has no path to correct.
  const asked = URL.parse(c.req.raw.url)?.pathname ?? c.env.path;
  const location = asked.replace(/\/{2,}/g, "/");
  if (location === asked) return answer(c, { kind: "not_found" });
  return new Response(null, { status: 308, headers: { location, ...commonHeaders(c.env) } });
}
