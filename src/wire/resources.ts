/**
 * The resources of the server: its paths, their methods and whose requests are served. Routes, metric labels, `Allow`
 * headers and the text of `/` all come from this table; a test compares the documentation with it.
 *
 * @module
 */

/** The methods that the server supports. Every path takes OPTIONS, and every path that takes GET also takes HEAD. */
export const methods = ["GET", "HEAD", "OPTIONS", "POST"] as const;

/** One of the supported methods. */
export type Method = typeof methods[number];

/** A method that a resource has a handler for. */
export type OwnMethod = Exclude<Method, "HEAD" | "OPTIONS">;

/** What a token may do: post jobs, read the state of the server, read its metrics. */
export const scopes = ["submit", "status", "metrics"] as const;

/** One of the things that a token may do. */
export type Scope = typeof scopes[number];

/** One row of the table. */
export interface Resource {
  /**
   * Whose requests are served; each value is stricter than the one before.
   *
   * - `anybody`: all requests, under any host name, since load balancers often use one of their own.
   * - `own_host`: if neither a password nor tokens are in use, only requests for a host name that belongs to the server.
   * - `password`: in addition only requests with the password or a token, if they are in use, and none from a web page of another
   *   origin.
   */
  readonly who: "anybody" | "own_host" | "password";
  /** The scope that a token must have where tokens are in use; absent if no token is needed. */
  readonly scope?: Scope;
  /** The methods of the resource, each with the statuses whose metric series exist from the start. */
  readonly methods: Readonly<Partial<Record<OwnMethod, readonly number[]>>>;
  /** Whether it exists only where commands have names: with a configuration file. */
  readonly onlyNamed?: true;
}

/** The path that jobs for the default command are posted to. */
export const payloadPath = "/payload";

/** The paths that jobs for a command with a name are posted to. */
export const commandRoute = "/payload/{command}";

/** The path that jobs for the default command are posted to as raw bytes or a form. */
export const runPath = "/run";

/** The paths that such jobs for a command with a name are posted to. */
export const runCommandRoute = "/run/{command}";

/** The table, by path; `{command}` stands for one segment (OpenTelemetry, `http.route`). */
export const resources = {
  "/": { who: "anybody", methods: { GET: [] } },
  [payloadPath]: {
    who: "password",
    scope: "submit",
    methods: { POST: [200, 400, 401, 408, 411, 413, 415, 500, 503] },
  },
  [commandRoute]: {
    who: "password",
    scope: "submit",
    methods: { POST: [200, 400, 401, 404, 408, 411, 413, 415, 500, 503] },
    onlyNamed: true,
  },
  [runPath]: {
    who: "password",
    scope: "submit",
    methods: { POST: [200, 400, 401, 406, 408, 411, 413, 415, 422, 500, 503, 504, 507] },
  },
  [runCommandRoute]: {
    who: "password",
    scope: "submit",
    methods: { POST: [200, 400, 401, 404, 406, 408, 411, 413, 415, 422, 500, 503, 504, 507] },
    onlyNamed: true,
  },
  "/commands": { who: "own_host", scope: "status", methods: { GET: [200] }, onlyNamed: true },
  "/status": { who: "own_host", scope: "status", methods: { GET: [200] } },
  "/metrics": { who: "own_host", scope: "metrics", methods: { GET: [200] } },
  "/version": { who: "own_host", methods: { GET: [] } },
  "/livez": { who: "anybody", methods: { GET: [200] } },
  "/readyz": { who: "anybody", methods: { GET: [200, 503] } },
} as const satisfies Readonly<Record<`/${string}`, Resource>>;

/** A path of the table. As a metric label it is from a closed set, whatever path clients request. */
export type Route = keyof typeof resources;

/** The methods that have a handler at a path. */
export type MethodOf<R extends Route> = keyof (typeof resources)[R]["methods"];

/** All paths, in the order of the table. */
export const routes: readonly Route[] = Object.keys(resources) as Route[];

/** The paths of a server whose commands have names, or of one whose only command has none; in the order of the table. */
export function routesOf(named: boolean): readonly Route[] {
  return routes.filter((route) => named || !("onlyNamed" in resources[route]));
}

/** The scope that a token must have at a path, where tokens are in use; undefined if no token is needed. */
export function scopeOf(route: Route): Scope | undefined {
  const row: Resource = resources[route];
  return row.scope;
}

/** A path for jobs of the default command. */
export type JobPath = typeof payloadPath | typeof runPath;

/** The path that jobs for this command are posted to, below the one for the default command. */
export function commandPath(name: string, path: JobPath = payloadPath): string {
  return `${path}/${name}`;
}

/** The name in the path of a job for a command with a name, whatever its form. */
export function commandIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The methods that a path takes, apart from OPTIONS. */
export function methodsOf(route: Route): readonly Method[] {
  const own = Object.keys(resources[route].methods) as OwnMethod[];
  return own.flatMap((method): Method[] => method === "GET" ? ["GET", "HEAD"] : [method]);
}
