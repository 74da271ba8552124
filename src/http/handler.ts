/**
 * Handlers of resources: one for each method.
 *
 * @module
 */

import type { MethodOf, Route } from "../wire/resources.ts";
import type { Exchange } from "./exchange.ts";

/** A request while it is handled. */
export interface Call {
  /** The exchange that the request belongs to. */
  readonly env: Exchange;
  /** The request, with its path as the router reads it. */
  readonly req: { readonly raw: Request; readonly path: string };
}

/** Answers requests for one path and one method. A handler for GET answers HEAD too: its body is dropped then. */
export type Handler = (c: Call) => Response | Promise<Response>;

/** The handlers of the resource at a path: exactly one for each method of its row. */
export type Handlers<R extends Route> = Readonly<Record<MethodOf<R>, Handler>>;
