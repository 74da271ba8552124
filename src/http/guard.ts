/**
 * Keeps web pages from using the server through their visitors' browsers.
 *
 * A page of another site can send requests that need no permission from the server (Fetch, "CORS-safelisted method"); the
 * browser states where such a request comes from. A page can also point its own name at the server's address (DNS
 * rebinding); then the Host header has that name.
 *
 * @module
 */

import { isIP } from "node:net";
import { hostNameOf } from "../wire/host_name.ts";
import type { Problem } from "./answer/problem.ts";

/** For a unix socket, which no browser can connect to: every request passes. */
export const openGuard: Guard = { hostRefusal: () => undefined, pageRefusal: () => undefined };

/**
 * A problem if the Host header is empty or has a character that ends a host in a URL. The runtime puts that header before the
 * path (Deno 2.7.11 also an empty one: `http:///a/b`), so a client could ask for another path than the one that a proxy has
 * checked. Such a request gets 400 (RFC 9112, section 3.2; RFC 9110, section 4.2.1).
 */
export function malformedHost({ headers }: Request): Problem | undefined {
  const host = headers.get("host");
  return host !== null && /^$|[/?#\\]/.test(host)
    ? { kind: "invalid", sentence: "Host: must be a host, with or without a port" }
    : undefined;
}

/** Checks requests by their heads alone. */
export interface Guard {
  /** A problem if the request names a host that is not one of the server's. A request without one passes (HTTP/1.0). */
  hostRefusal(request: Request): Problem | undefined;
  /** A problem if the browser states that a page of another origin sends the request. For paths that have effects. */
  pageRefusal(request: Request): Problem | undefined;
}

/**
 * Creates a guard. Without a password, `names` lists the hosts that pass, besides IP addresses, which cannot be rebound, and
 * `localhost` with all names below it (RFC 6761, section 6.3). A name that begins with a dot stands for all names below it.
 * With a password, which a hostile page does not know, `names` is undefined and every host passes.
 */
export function createGuard(names: readonly string[] | undefined): Guard {
  const known = new Set(["localhost", ...names ?? []]);
  const suffixes = [".localhost", ...names?.filter((name) => name.startsWith(".")) ?? []];

  function passes(host: string): boolean {
    const name = hostNameOf(host);
    return name !== undefined &&
      (isIP(name) !== 0 || known.has(name) || suffixes.some((suffix) => name.endsWith(suffix)));
  }

  /** The Host header of the latest request that passed, and how its URL began. Most requests have both in common with it. */
  let passedHost: string | undefined;
  let passedUrl = "";

  return {
    hostRefusal(request) {
      if (!names) return undefined;
      const host = request.headers.get("host");
      if (host === passedHost && request.url.startsWith(passedUrl)) return undefined;
      const foreign = hostsOf(request).find((host) => !passes(host));
      if (foreign !== undefined) return { kind: "unknown_host", host: hostNameOf(foreign) };
      const origin = `${URL.parse(request.url)?.origin}/`;
      // Another URL with this beginning names the same host.
      if (host && request.url.startsWith(origin)) [passedHost, passedUrl] = [host, origin];
      return undefined;
    },
    pageRefusal(request) {
      return isCrossSite(request) ? { kind: "cross_site" } : undefined;
    },
  };
}

/**
 * The hosts that the request names: the Host header, and the host in the URL that the runtime made, which comes from
 * `:authority` over HTTP/2 (RFC 9113, section 8.3.1), from an absolute target (RFC 9112, section 3.2.2), or from the same
 * header.
 */
function hostsOf({ headers, url }: Request): readonly string[] {
  const header = headers.get("host");
  // In this case Deno 2.7.11 makes a URL without a host, in which the path would be taken for one.
  if (header === "") return [];
  const inUrl = URL.parse(url)?.host;
  return [...new Set([header, inUrl])].filter((host) => host !== null && host !== undefined);
}

/**
 * `Sec-Fetch-Site` (Fetch Metadata) decides if it is present: browsers send it to loopback and over HTTPS. Otherwise `Origin`
 * (Fetch) decides, which every POST of a browser has. Clients that are not browsers rarely send either.
 */
function isCrossSite(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  const page = URL.parse(origin);
  const hosts = hostsOf(request);
  if (!page || !/^https?:$/.test(page.protocol) || hosts.length === 0) return true;
  // Both are parsed the same way, so that a default port is omitted in both.
  return hosts.some((host) => URL.parse(`${page.protocol}//${host}`)?.host !== page.host);
}
