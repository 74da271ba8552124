/**
 * What a resource of the table is made of: one handler for each of its methods.
 *
 * @module
 */

import type { MethodOf, Route } from "../wire/resources.ts";
import type { Exchange } from "./exchange.ts";

/** A request while it is handled: what handlers use of hono's context. */
export interface Call {
  /** The exchange that the request belongs to. */
  readonly env: Exchange;
  /** The request, with its path as the router reads it. */
  readonly req: { readonly raw: Request; readonly path: string };
}

/** Answers requests that are for one path, by one method. A handler for GET answers HEAD too: hono drops the body. */
export type Handler = (c: Call) => Response | Promise<Response>;

/** The handlers of the resource at a path: one for each method of its row, and no other. */
export type Handlers<R extends Route> = Readonly<Record<MethodOf<R>, Handler>>;
