/**
 * Keeps web pages from using the server by the browser of whoever looks at them.
 *
 * A page of another site can send what needs no permission of ours (Fetch, "CORS-safelisted method"): its browser tells
 * where such a request comes from. A page can also have its own name lead to our address (DNS rebinding): then the Host header
 * has that name.
 *
 * @module
 */

import { isIP } from "node:net";
import { hostNameOf } from "../wire/host_name.ts";
import type { Problem } from "./answer/problem.ts";

/** Looks at the head of a request alone. */
export interface Guard {
  /** A fault if the server does not go by the host that the request names. One that names none passes (HTTP/1.0). */
  hostRefusal(request: Request): Problem | undefined;
  /** A fault if a browser says that a page of another origin sends the request. For paths that have effects. */
  pageRefusal(request: Request): Problem | undefined;
}

/**
 * Without a password, `names` says which hosts pass beside IP addresses, which nobody can make lead elsewhere, and `localhost`
 * with what is below it (RFC 6761, section 6.3). A name that begins with a dot stands for all below it. With a password, which
 * no such page knows, `names` is undefined: every host passes.
 */
export function createGuard(names: readonly string[] | undefined): Guard {
  const known = new Set(["localhost", ...names ?? []]);
  const suffixes = [".localhost", ...names?.filter((name) => name.startsWith(".")) ?? []];

  function passes(host: string): boolean {
    const name = hostNameOf(host);
    return name !== undefined &&
      (isIP(name) !== 0 || known.has(name) || suffixes.some((suffix) => name.endsWith(suffix)));
  }

  return {
    hostRefusal(request) {
      const stranger = names && hostsOf(request).find((host) => !passes(host));
      if (stranger === undefined) return undefined;
      return { kind: "unknown_host", host: hostNameOf(stranger) };
    },
    pageRefusal(request) {
      return isCrossSite(request) ? { kind: "cross_site" } : undefined;
    },
  };
}

/**
 * What the request names as host: the Host header, and what the runtime has made its URL of: `:authority` over HTTP/2 (RFC 9113,
 * section 8.3.1), the host of an absolute target (RFC 9112, section 3.2.2), else the same header.
 */
function hostsOf({ headers, url }: Request): readonly string[] {
  const header = headers.get("host");
  // 2.7.11 has no host in the URL then, and what is taken for one is the path.
  if (header === "") return [];
  const inUrl = URL.parse(url)?.host;
  return [...new Set([header, inUrl])].filter((host) => host !== null && host !== undefined);
}

/**
 * `Sec-Fetch-Site` (Fetch Metadata) decides where there is one: browsers send it to loopback and over HTTPS. Else `Origin`
 * (Fetch), which a POST always has. Clients that are no browsers rarely send either.
 */
function isCrossSite(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  const page = URL.parse(origin);
  const hosts = hostsOf(request);
  if (!page || !/^https?:$/.test(page.protocol) || hosts.length === 0) return true;
  // Read alike, so that both have no port where it is the default one.
  return hosts.some((host) => URL.parse(`${page.protocol}//${host}`)?.host !== page.host);
}
