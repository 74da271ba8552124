/**
 * The resources of the server: which paths exist, what they take and who is served. The one table behind routes, metric
 * labels, `Allow` headers and the text of `/`; a test holds the documentation to it.
 *
 * @module
 */

/** The methods that the server knows. Every path takes OPTIONS, and HEAD where it takes GET. */
export const methods = ["GET", "HEAD", "OPTIONS", "POST"] as const;

/** One of them. */
export type Method = typeof methods[number];

/** A method that a resource has a handler for. */
export type OwnMethod = Exclude<Method, "HEAD" | "OPTIONS">;

/** One row of the table. */
export interface Resource {
  /**
   * Whose requests are served; each word asks for more than the one before.
   *
   * - `anybody`: whoever reaches the server, by whatever host name: balancers often have one of their own for it.
   * - `own_host`: without a password set, only requests that name a host the server goes by.
   * - `password`: the same, with the password if one is set, and not from a web page of another origin.
   */
  readonly who: "anybody" | "own_host" | "password";
  /** Its methods, each with the statuses whose metric series exist from the start. */
  readonly methods: Readonly<Partial<Record<OwnMethod, readonly number[]>>>;
}

/** Where jobs go. */
export const payloadPath = "/payload";

/** The table, by path. */
export const resources = {
  "/": { who: "anybody", methods: { GET: [] } },
  [payloadPath]: {
    who: "password",
    methods: { POST: [200, 400, 401, 408, 411, 413, 415, 500, 503] },
  },
  "/status": { who: "own_host", methods: { GET: [200] } },
  "/metrics": { who: "own_host", methods: { GET: [200] } },
  "/version": { who: "own_host", methods: { GET: [] } },
  "/livez": { who: "anybody", methods: { GET: [200] } },
  "/readyz": { who: "anybody", methods: { GET: [200, 503] } },
} as const satisfies Readonly<Record<`/${string}`, Resource>>;

/** A path of the table. As a metric label it is closed, whatever clients ask for. */
export type Route = keyof typeof resources;

/** The methods that the resource at a path has handlers for. */
export type MethodOf<R extends Route> = keyof (typeof resources)[R]["methods"];

/** All paths, in the order of the table. */
export const routes: readonly Route[] = Object.keys(resources) as Route[];

/** The methods that a path takes, apart from OPTIONS. */
export function methodsOf(route: Route): readonly Method[] {
  const own = Object.keys(resources[route].methods) as OwnMethod[];
  return own.flatMap((method): Method[] => method === "GET" ? ["GET", "HEAD"] : [method]);
}
